"""How the JSON API says things: names and conditions in, resources and errors out."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Handler

from .errors import StorageError, condition_not_met, invalid, not_modified, unimplemented
from .media import etag_refusal
from .metadata import uniform_access
from .preconditions import Preconditions

MAX_RESOURCE_BYTES = 1024 * 1024


def address_of(request: web.Request) -> str:
    """What the links in the answer begin with: the address under which the client has found the service."""
    return f"{request.scheme}://{request.host}"


def json_answer(resource: Mapping[str, Any], status: int = 200) -> web.Response:
    """A resource."""
    return web.Response(
        status=status, body=json.dumps(resource, ensure_ascii=False).encode(), content_type="application/json"
    )


def parse_resource(body: bytes) -> dict[str, Any]:
    """A resource in a request; nothing at all is an empty one.

    Raises:
        StorageError: it is no JSON object.
    """
    try:
        resource = json.loads(body or b"{}")
    except ValueError:
        raise invalid("Parse Error: the body is no JSON.") from None
    if not isinstance(resource, dict):
        raise invalid("Parse Error: the body is no JSON object.")
    return resource


async def resource_of(request: web.Request) -> dict[str, Any]:
    """The request's body; see ``parse_resource``."""
    return parse_resource(await request.read())


def integer(request: web.Request, name: str) -> int | None:
    """A number in the query, or None.

    Raises:
        StorageError: it is no integer.
    """
    return parse_integer(name, request.query.get(name))


def parse_integer(name: str, value: object) -> int | None:
    """A number that may come as text, or None.

    Raises:
        StorageError: it is no integer.
    """
    try:
        return None if value is None else int(str(value))
    except ValueError:
        raise invalid(f"Invalid value for {name}: {value!r} is no integer") from None


def is_true(request: web.Request, name: str) -> bool:
    """A switch in the query, which Google's Python client writes ``True``."""
    return request.query.get(name, "").lower() == "true"


def preconditions_of(request: web.Request) -> Preconditions:
    """The conditions on the object or bucket that the request changes or reads."""
    return Preconditions.parse(request.query)


def refuse_beyond(request: web.Request) -> None:
    """Refuse the parameters that would change an answer and that are beyond this stand-in.

    Raises:
        StorageError: there is one.
    """
    if any(request.query.get(name) for name in ("predefinedAcl", "destinationPredefinedAcl")):
        raise uniform_access()
    for name in ("kmsKeyName", "destinationKmsKeyName", "softDeleted", "rewriteToken", "userProject"):
        if request.query.get(name, "").lower() not in ("", "false"):
            raise unimplemented(name)
    if request.method != "GET" and request.headers.keys() & {"If-Match", "If-None-Match"}:
        raise unimplemented("changes on condition of an ETag")
    if "x-goog-encryption-algorithm" in request.headers:
        raise unimplemented("customer-supplied encryption keys")


async def refuse_unknown(request: web.Request) -> web.Response:
    """What the JSON API has and this stand-in has not."""
    raise unimplemented(f"{request.method} {request.path}")


def check_etag(request: web.Request, etag: str) -> None:
    """Refuse a read whose conditions on the ETag do not hold.

    Raises:
        StorageError: conditionNotMet or notModified.
    """
    match etag_refusal(request.headers, etag):
        case HTTPStatus.PRECONDITION_FAILED:
            raise condition_not_met()
        case HTTPStatus.NOT_MODIFIED:
            raise not_modified()


def error_answer(error: StorageError) -> web.Response:
    """An error in Google's shape."""
    if error.status == HTTPStatus.NOT_MODIFIED:
        return web.Response(status=error.status)
    detail = {"message": error.message, "domain": "global", "reason": error.reason}
    document = {"error": {"code": error.status, "message": error.message, "errors": [detail]}}
    return json_answer(document, error.status)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error in Google's shape; a path that is not served names itself."""
    try:
        _require_utf8(request.raw_path)
        return await handler(request)
    except StorageError as error:
        return error_answer(error)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return error_answer(unimplemented(f"{request.method} {request.path}"))
    except web.HTTPRequestEntityTooLarge:
        return error_answer(invalid("The body is too large."))


def _require_utf8(raw_path: str) -> None:
    try:
        unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        raise invalid("The path is not valid UTF-8.") from None
