"""Which fields of an object its owner sets, and the rules for them.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .errors import StorageError, invalid, unimplemented
from .resources import Metadata

_TEXTS = (
    "contentType",
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "customTime",
    "storageClass",
)
SETTABLE = (*_TEXTS, "metadata")
_BEYOND = ("temporaryHold", "eventBasedHold", "retention", "kmsKeyName", "customerEncryption", "contexts")
_MAX_NAME_BYTES = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def require_name(name: str) -> None:
    """Refuse what cannot be an object's name: https://cloud.google.com/storage/docs/objects#naming.

    Raises:
        StorageError: it cannot.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise invalid("An object's name must be valid UTF-8.") from None
    if not 1 <= size <= _MAX_NAME_BYTES:
        raise invalid(f"An object's name must have 1 to {_MAX_NAME_BYTES} bytes in UTF-8, not {size}.")
    if "\r" in name or "\n" in name or name in (".", "..") or name.startswith(".well-known/acme-challenge/"):
        raise invalid(f"{name!r} cannot be an object's name.")


def given_metadata(resource: Mapping[str, Any]) -> Metadata:
    """The settable fields of a resource that a client sent; the read-only ones are passed over, as Google does.

    Raises:
        StorageError: a field has another type than it must have, or is beyond this stand-in.
    """
    _refuse_beyond(resource)
    given = {key: resource[key] for key in SETTABLE if resource.get(key) is not None}
    if "metadata" in given:
        custom = given["metadata"]
        if not isinstance(custom, Mapping):
            raise invalid("metadata must be an object.")
        given["metadata"] = {key: value for key, value in custom.items() if value is not None}
    _require_types(given)
    return given


def patched(current: Metadata, patch: Mapping[str, Any]) -> Metadata:
    """``current`` with the fields of ``patch``; null removes a field, and below ``metadata`` a key.

    Raises:
        StorageError: as ``given_metadata``.
    """
    merged = {**current, **{key: patch[key] for key in SETTABLE if key in patch}}
    custom = patch.get("metadata")
    if isinstance(custom, Mapping):
        merged["metadata"] = {**current.get("metadata", {}), **custom}
    _refuse_beyond(patch)
    return _kept_custom_time(current, given_metadata(merged))


def replaced(current: Metadata, resource: Mapping[str, Any]) -> Metadata:
    """The fields of ``resource`` in place of all that were.

    Raises:
        StorageError: as ``given_metadata``.
    """
    return _kept_custom_time(current, given_metadata(resource))


def _kept_custom_time(before: Metadata, after: Metadata) -> Metadata:
    """A custom time can be moved forward only: https://cloud.google.com/storage/docs/metadata#custom-time."""
    if old := before.get("customTime"):
        new = after.get("customTime")
        if not new or datetime.fromisoformat(new) < datetime.fromisoformat(old):
            raise invalid("Custom time cannot be removed or set to an earlier time.")
    return after


def _refuse_beyond(resource: Mapping[str, Any]) -> None:
    for key in _BEYOND:
        if resource.get(key):
            raise unimplemented(key)
    if resource.get("acl"):
        raise uniform_access()


def _require_types(given: Metadata) -> None:
    for key in _TEXTS:
        if not isinstance(given.get(key, ""), str):
            raise invalid(f"{key} must be a string.")
    custom = given.get("metadata", {})
    if not all(isinstance(value, str) for value in custom.values()):
        raise invalid("The values of metadata must be strings.")
    shown_as_headers = [given.get(key, "") for key in _TEXTS] + [*custom, *custom.values()]
    if any(_CONTROL.search(text) for text in shown_as_headers):
        raise invalid("Metadata must not have control characters.")
    try:
        moment = datetime.fromisoformat(given.get("customTime", "1970-01-01T00:00:00Z"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise invalid("customTime must be a date and time in RFC 3339.")


def uniform_access() -> StorageError:
    """Every local bucket has uniform access, which knows no rights of single objects."""
    return invalid("Cannot use legacy ACL for an object when uniform bucket-level access is enabled.")
