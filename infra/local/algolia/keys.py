"""API keys: what each may do, and secured keys, which carry restrictions signed with their parent key.

https://www.algolia.com/doc/guides/security/api-keys
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl

from .errors import ApiError

ADMIN_ACL = frozenset(
    {
        "search", "browse", "addObject", "deleteObject", "deleteIndex", "settings", "editSettings", "listIndexes",
        "admin",
    }
)  # fmt: skip
SEARCH_ACL = frozenset({"search"})
_SIGNATURE_LENGTH = 64
_RESTRICTIONS = ("validUntil", "restrictIndices", "restrictSources", "userToken")


def _forbidden(message: str) -> ApiError:
    return ApiError(403, message)


@dataclass(frozen=True)
class Access:
    """What the bearer of a key may do. ``search_params`` are a secured key's own: they always apply."""

    acl: frozenset[str]
    indices: tuple[str, ...] = ()
    search_params: Mapping[str, str] = field(default_factory=dict)

    def require(self, acl: str) -> None:
        """Raises ApiError 403 unless the key has the permission."""
        if acl not in self.acl:
            raise _forbidden("Method not allowed with this API key")

    def require_index(self, name: str) -> None:
        """Raises ApiError 403 unless the key may use the index; patterns may begin and end with ``*``."""
        if self.indices and not any(_matches(name, pattern) for pattern in self.indices):
            raise _forbidden("Index not allowed with this API key")


def _matches(name: str, pattern: str) -> bool:
    escaped = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(name, escaped)


@dataclass(frozen=True)
class Keys:
    """The application's keys. Secured keys can only be made from the search key, as on Algolia."""

    app_id: str
    admin_key: str
    search_key: str

    def acl_of(self, key: str) -> frozenset[str]:
        """The permissions of one of the application's own keys.

        Raises:
            ApiError: 404 for any other key.
        """
        acl = {self.admin_key: ADMIN_ACL, self.search_key: SEARCH_ACL}.get(key)
        if acl is None:
            raise ApiError(404, "Key does not exist")
        return acl

    def access(self, app_id: str, key: str, now: float, source: str | None) -> Access:
        """What a request with these credentials from the IP address ``source`` may do at ``now``.

        Raises:
            ApiError: 403 for unknown credentials or an expired or misplaced secured key.
        """
        if hmac.compare_digest(app_id.encode(), self.app_id.encode()):
            if hmac.compare_digest(key.encode(), self.admin_key.encode()):
                return Access(ADMIN_ACL)
            if hmac.compare_digest(key.encode(), self.search_key.encode()):
                return Access(SEARCH_ACL)
            restrictions = self._verified_restrictions(key)
            if restrictions is not None:
                return _restricted(restrictions, now, source)
        raise _forbidden("Invalid Application-ID or API key")

    def _verified_restrictions(self, key: str) -> dict[str, str] | None:
        try:
            decoded = base64.b64decode(key, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        signature, params = decoded[:_SIGNATURE_LENGTH], decoded[_SIGNATURE_LENGTH:]
        expected = hmac.new(self.search_key.encode(), params.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        return dict(parse_qsl(params, keep_blank_values=True))


def _restricted(restrictions: Mapping[str, str], now: float, source: str | None) -> Access:
    valid_until = restrictions.get("validUntil")
    if valid_until is not None and not _still_valid(valid_until, now):
        raise _forbidden('"validUntil" parameter expired (less than current date)')
    network = restrictions.get("restrictSources")
    if network and not _inside(source, network):
        raise _forbidden("Source not allowed with this API key")
    indices = tuple(name for name in restrictions.get("restrictIndices", "").split(",") if name)
    params = {name: value for name, value in restrictions.items() if name not in _RESTRICTIONS}
    return Access(SEARCH_ACL, indices, params)


def _still_valid(valid_until: str, now: float) -> bool:
    try:
        return float(valid_until) > now
    except ValueError:
        return False


def _inside(source: str | None, network: str) -> bool:
    try:
        return source is not None and ipaddress.ip_address(source) in ipaddress.ip_network(
            network, strict=False
        )
    except ValueError:
        return False
