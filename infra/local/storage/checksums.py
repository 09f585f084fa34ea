"""The checksums that a client has sent along, against those of what arrived.

Source: https://cloud.google.com/storage/docs/data-validation
"""

from collections.abc import Mapping
from typing import Any

from .errors import invalid
from .resources import Contents

Checksums = Mapping[str, str]
"""``crc32c`` and ``md5``, in base64, as far as they are known."""


def declared(resource: Mapping[str, Any], header: str = "") -> Checksums:
    """What a resource's fields and an ``x-goog-hash`` header say; the header goes first."""
    named = {"crc32c": resource.get("crc32c"), "md5": resource.get("md5Hash")}
    for item in header.split(","):
        kind, _, value = item.strip().partition("=")
        if kind in named:
            named[kind] = value
    return {kind: str(value) for kind, value in named.items() if value}


def require(expected: Checksums, contents: Contents) -> None:
    """Refuse what is not what was meant.

    Raises:
        StorageError: a checksum differs.
    """
    actual = {"crc32c": contents.crc32c, "md5": contents.md5}
    for kind, value in expected.items():
        if value != actual[kind]:
            raise invalid(
                f"Provided {kind.upper()} hash {value!r} doesn't match calculated {kind.upper()} hash {actual[kind]!r}."
            )
