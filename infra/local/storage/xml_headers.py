"""What the headers of the XML API say, in the words of the JSON API.

Source: https://cloud.google.com/storage/docs/xml-api/reference-headers
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .xml_errors import invalid_argument, not_implemented

_FIELDS = {
    "content-type": "contentType",
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-md5": "md5Hash",
}
_HASHES = {"md5": "md5Hash", "crc32c": "crc32c"}
_METADATA = "x-goog-meta-"
_UNDERSTOOD = {
    "x-goog-content-length-range",
    "x-goog-hash",
    "x-goog-if-generation-match",
    "x-goog-if-metageneration-match",
    "x-goog-resumable",
}


def check_understood(headers: Iterable[str]) -> None:
    """Return if the store can do all that Google's own headers ask for.

    Args:
        headers: their names.

    Raises:
        XmlError: NotImplemented.
    """
    for name in headers:
        lower = name.lower()
        if lower.startswith("x-goog-") and not lower.startswith(_METADATA) and lower not in _UNDERSTOOD:
            raise not_implemented(f"the header {lower}")


def resource(headers: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the object that an upload with these headers makes, with the hashes that its bytes must have."""
    fields: dict[str, Any] = {
        _FIELDS[name.lower()]: headers[name] for name in headers if name.lower() in _FIELDS
    }
    for given in headers.get("x-goog-hash", "").split(","):
        kind, equals, value = given.strip().partition("=")
        if equals and kind in _HASHES:
            fields[_HASHES[kind]] = value
    metadata = {
        name.lower().removeprefix(_METADATA): headers[name]
        for name in headers
        if name.lower().startswith(_METADATA)
    }
    return {**fields, "metadata": metadata} if metadata else fields


def condition(headers: Mapping[str, str], name: str) -> int | None:
    """The generation or metageneration in the header ``name``; None if the request does not insist on any.

    Raises:
        XmlError: InvalidArgument, it is no number.
    """
    value = headers.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 20):
        raise invalid_argument(f"{name} must be a number, not {value!r}")
    return int(value)
