"""What a browser's form says."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.http import read_body
from shared.problems import Problem

_MAX_BODY_BYTES = 32 * 1024
_MAX_FIELDS = 30


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; of those that are given twice, the last counts.

    Raises:
        Problem: 413 too large, 415 no form by its type, 400 no form by its content.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise Problem(415, "unsupported-media-type", "Send the form as application/x-www-form-urlencoded.")
    body = await read_body(request, _MAX_BODY_BYTES)
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
        )
    except ValueError as error:
        raise Problem(400, "malformed-form", "The body is not a form in UTF-8.") from error
