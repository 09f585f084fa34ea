"""Entity tags of versioned resources (RFC 9110, section 8.8.3) and the conditional requests that name them."""

from collections.abc import Callable

from starlette.requests import Request
from werkzeug.http import parse_etags

from shared.problems import Problem


def etag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def not_modified(request: Request, version: int) -> bool:
    """Whether the caller has this version already, by its ``If-None-Match``."""
    given = _listed(request, "if-none-match")
    return given is not None and parse_etags(given).contains_weak(str(version))


def if_match(request: Request, *, required: bool) -> Callable[[int], None]:
    """The request's ``If-Match`` as a check of the version that there is.

    Args:
        required: refuse a request that does not say which version it means.

    Raises:
        Problem: 428 without the header, where it is required; and by the check, 412 when another version is meant.
    """
    given = _listed(request, "if-match")
    if given is None:
        if required:
            raise Problem(
                428, "precondition-required", "Send If-Match with the ETag of the version that you mean."
            )
        return lambda version: None
    tags = parse_etags(given)

    def check(version: int) -> None:
        # Strong comparison: a weak tag, which promises less than equality, does not match.
        if not tags.contains(str(version)):
            detail = f"It is at version {version} now; read it again and decide anew."
            raise Problem(412, "version-moved", detail, headers={"ETag": etag(version)})

    return check


def _listed(request: Request, name: str) -> str | None:
    """A header that is a list, which may come in several lines (RFC 9110, section 5.3)."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None
