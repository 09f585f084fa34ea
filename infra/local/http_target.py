"""What the HTTP targets of Cloud Tasks and Cloud Scheduler have in common: their checks, headers and tokens.

Both services' messages have ``http_method``, ``headers``, ``body``, ``oidc_token`` and ``oauth_token``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from multidict import CIMultiDict

from infra.local.refusal import invalid, unimplemented

TokenMinter = Callable[[str, str], str]
"""Makes an OIDC token: (service account's e-mail address, audience) -> encoded JWT."""

_METHODS = (
    "POST",
    "POST",
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
)  # by enum number; 0 means POST
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_MAX_URL_LENGTH = 2083
_MAX_HEADERS_BYTES = 80 * 1024
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Set by the service, or meaningless on a connection that is not the caller's.
_REPLACED_HEADERS = frozenset({"host", "content-length", "user-agent", "connection", "transfer-encoding"})
_RESERVED_PREFIXES = ("x-google-", "x-appengine-")


def method_of(target: Any) -> str:
    """The HTTP method's name; an unspecified one is POST."""
    return _METHODS[target.http_method]


def method_number(name: str) -> int:
    """The ``HttpMethod`` of a name such as ``"POST"``.

    Raises:
        Refusal: INVALID_ARGUMENT, there is no such method.
    """
    if name not in _METHODS:
        raise invalid(f"http_method {name!r} does not exist")
    return _METHODS.index(name, 1)


def check_target(target: Any, url: str, url_field: str) -> None:
    """Refuse a target that the services refuse.

    Args:
        target: a ``tasks.v2.HttpRequest`` or ``scheduler.v1.HttpTarget`` message.
        url: its URL, which the two messages name differently.
        url_field: that field's name, for the error text.

    Raises:
        Refusal: INVALID_ARGUMENT, or UNIMPLEMENTED for OAuth tokens.
    """
    _check_url(url, url_field)
    if not 0 <= target.http_method < len(_METHODS):
        raise invalid(f"http_method {target.http_method} does not exist")
    if target.body and method_of(target) not in _METHODS_WITH_BODY:
        raise invalid(f"a body is allowed with POST, PUT and PATCH only, not with {method_of(target)}")
    _check_headers(target.headers)
    if target.HasField("oauth_token"):
        raise unimplemented("oauth_token; use oidc_token")
    if target.HasField("oidc_token") and "@" not in target.oidc_token.service_account_email:
        raise invalid("oidc_token.service_account_email must be a service account's e-mail address")


def _check_url(url: str, field: str) -> None:
    if len(url) > _MAX_URL_LENGTH:
        raise invalid(f"{field} is {len(url)} characters long; the limit is {_MAX_URL_LENGTH}")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise invalid(
            f'{field} must be an absolute URL that begins with "http://" or "https://", not {url!r}'
        )


def _check_headers(headers: Any) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in headers.items())
    if size >= _MAX_HEADERS_BYTES:
        raise invalid(f"the headers take {size} bytes; they must take less than {_MAX_HEADERS_BYTES}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise invalid(f"{name!r} is not an HTTP header name")
        if not _HEADER_VALUE.fullmatch(value):
            raise invalid(f"header {name!r} has a value with control or non-Latin-1 characters")


@dataclass(frozen=True)
class Sender:
    """A service's ``User-Agent``, and the prefix of the headers that it alone sets."""

    user_agent: str
    header_prefix: str


def headers_of(target: Any, url: str, sender: Sender, mint_token: TokenMinter) -> dict[str, str]:
    """The headers of a delivery, apart from those that describe the task or job.

    The user's headers go through, except those that the services replace or reserve. With an OIDC token the
    ``Authorization`` header is the service's; the token's audience is the target URL when none is given.
    """
    reserved = (*_RESERVED_PREFIXES, sender.header_prefix.lower())
    headers = CIMultiDict(
        (name, value)
        for name, value in target.headers.items()
        if name.lower() not in _REPLACED_HEADERS and not name.lower().startswith(reserved)
    )
    if method_of(target) in _METHODS_WITH_BODY:
        headers.setdefault("Content-Type", "application/octet-stream")
    if target.HasField("oidc_token"):
        token = mint_token(target.oidc_token.service_account_email, target.oidc_token.audience or url)
        headers["Authorization"] = f"Bearer {token}"
    headers["User-Agent"] = sender.user_agent
    return dict(headers)
