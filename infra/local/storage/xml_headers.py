"""What the headers of the XML API say, in the words of the JSON API.

Source: https://cloud.google.com/storage/docs/xml-api/reference-headers
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from .checksums import declared
from .metadata import given_metadata
from .preconditions import Preconditions
from .size_range import ANY_SIZE, SizeRange
from .uploads import UploadRequest
from .xml_errors import invalid_argument, not_implemented

_FIELDS = {
    "content-type": "contentType",
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-md5": "md5Hash",
}
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


def _resource(headers: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        _FIELDS[name.lower()]: headers[name] for name in headers if name.lower() in _FIELDS
    }
    metadata = {
        name.lower().removeprefix(_METADATA): headers[name]
        for name in headers
        if name.lower().startswith(_METADATA)
    }
    return {**fields, "metadata": metadata} if metadata else fields


def upload_request(headers: Mapping[str, str]) -> UploadRequest:
    """What an upload with these headers is to become.

    Raises:
        XmlError: InvalidArgument.
        StorageError: a field cannot be what it is.
    """
    fields = _resource(headers)
    bounds = headers.get("x-goog-content-length-range")
    allowed = SizeRange.parse(bounds) if bounds is not None else ANY_SIZE
    return UploadRequest(
        given_metadata(fields),
        preconditions(headers),
        checksums=declared(fields, headers.get("x-goog-hash", "")),
        least=allowed.least,
        most=allowed.most,
    )


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


def preconditions(headers: Mapping[str, str]) -> Preconditions:
    """What must be so for a request with these headers to be carried out.

    Raises:
        XmlError: InvalidArgument.
    """
    return Preconditions(
        generation=condition(headers, "x-goog-if-generation-match"),
        metageneration=condition(headers, "x-goog-if-metageneration-match"),
    )


def etag(md5: str | None, other: str) -> str:
    """In this API the MD5 of what was uploaded, in hexadecimal.

    Args:
        md5: in base64; None of what was composed.
        other: the ETag of such.
    """
    return f'"{base64.b64decode(md5).hex() if md5 else other}"'


def upload_headers(made: Mapping[str, Any]) -> dict[str, str]:
    """What the answer to an upload says of the object that it has made; ``made`` is the JSON API's resource."""
    return {
        "ETag": etag(made["md5Hash"], made["etag"]),
        "x-goog-generation": made["generation"],
        "x-goog-metageneration": made["metageneration"],
        "x-goog-hash": f"crc32c={made['crc32c']},md5={made['md5Hash']}",
        "x-goog-stored-content-encoding": made.get("contentEncoding", "identity"),
        "x-goog-stored-content-length": made["size"],
    }
