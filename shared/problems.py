"""Errors of the HTTP APIs as RFC 9457 problem details."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from shared import trace
from shared.errors import BackstockError

# A prefix of a stable name, not an address: RFC 9457 section 3.1.1 allows any URI.
_TYPE_PREFIX = "urn:backstock:problem:"
# As many as help a person; a body of 500 bad items would answer megabytes otherwise.
_MAX_ERRORS = 50


class Problem(BackstockError):
    """An answer other than success, as the client will see it.

    Args:
        status: the HTTP status.
        kind: the stable, machine-readable name of the problem, such as ``"validation-failed"``.
        detail: what is wrong with this request and what to do about it.
        errors: for validation, one entry a field: ``{"field": "items[0].sku", "detail": "…"}``.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {kind}: {detail}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """The problem details object."""
        members: dict[str, Any] = {
            "type": _TYPE_PREFIX + self.kind,
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            members["errors"] = list(self.errors)
        if current := trace.current():
            members["trace"] = current
        return members

    def response(self) -> Response:
        """The ``application/problem+json`` answer."""
        return Response(
            orjson.dumps(self.document()),
            status_code=self.status,
            media_type="application/problem+json",
            headers=self.headers,
        )


def field_path(location: Sequence[str | int]) -> str:
    """``("items", 0, "sku")`` as ``items[0].sku``."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def validation_problem(error: ValidationError) -> Problem:
    """What pydantic found wrong: 400 for malformed JSON, 422 for valid JSON of the wrong shape."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Problem(400, "malformed-json", found[0]["msg"])
    errors = [{"field": field_path(e["loc"]), "detail": e["msg"]} for e in found[:_MAX_ERRORS]]
    more = f", the first {_MAX_ERRORS} are listed" if len(found) > _MAX_ERRORS else ""
    return Problem(422, "validation-failed", f"{len(found)} field(s) are not valid{more}.", errors=errors)


def invalid_fields(details: Mapping[str, str]) -> Problem:
    """The same for what a model cannot check: what is wrong with each of some fields."""
    errors = [{"field": name, "detail": detail} for name, detail in sorted(details.items())]
    return Problem(422, "validation-failed", f"{len(errors)} field(s) are not valid.", errors=errors)
