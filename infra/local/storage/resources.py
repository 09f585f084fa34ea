"""Buckets and objects, and how the JSON API shows them.

Source of the fields: https://cloud.google.com/storage/docs/json_api/v1/objects and …/v1/buckets
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

PUBLIC_ADDRESS = "https://www.googleapis.com"
"""Whose links the resources in events have, like Google's."""

Metadata = Mapping[str, Any]
"""The fields of an object that its owner sets, by their names in the JSON API; none is None."""


@dataclass(frozen=True)
class Bucket:
    """A bucket.

    Attributes:
        public: whether anyone may read its objects; at Google that is a role of ``allUsers``.
        settings: the fields that its owner sets, by their names in the JSON API.
    """

    name: str
    metageneration: int
    created: datetime
    updated: datetime
    public: bool
    settings: Mapping[str, Any]

    @property
    def etag(self) -> str:
        """Another one for each metageneration."""
        return base64.b64encode(str(self.metageneration).encode()).decode()


@dataclass(frozen=True)
class Contents:
    """The bytes of an object.

    Attributes:
        blob: the file that has them, to be opened with ``Blobs``; objects may share one.
        crc32c: base64 of the big-endian checksum.
        md5: base64; None for what was composed, as at Google.
        components: of how many pieces it was composed; None for what was uploaded.
    """

    blob: str
    size: int
    crc32c: str
    md5: str | None
    components: int | None = None


@dataclass(frozen=True)
class StoredObject:
    """One generation of an object."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    created: datetime
    updated: datetime
    contents: Contents
    metadata: Metadata

    @property
    def etag(self) -> str:
        """Another one for each generation and metageneration."""
        return base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode()

    @property
    def content_type(self) -> str:
        """What it is said to be."""
        return str(self.metadata.get("contentType", "application/octet-stream"))


def timestamp(moment: datetime) -> str:
    """RFC 3339 in milliseconds, as Google writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def object_resource(stored: StoredObject, address: str = PUBLIC_ADDRESS) -> dict[str, Any]:
    """An object as the JSON API shows it; ``address`` begins its links."""
    contents = stored.contents
    path = f"storage/v1/b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    shown: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{address}/{path}",
        "mediaLink": f"{address}/download/{path}?generation={stored.generation}&alt=media",
        "name": stored.name,
        "bucket": stored.bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "storageClass": "STANDARD",
        "size": str(contents.size),
        "crc32c": contents.crc32c,
        "etag": stored.etag,
        "timeCreated": timestamp(stored.created),
        "updated": timestamp(stored.updated),
        "timeStorageClassUpdated": timestamp(stored.created),
        "timeFinalized": timestamp(stored.created),
        **stored.metadata,
    }
    if contents.md5 is not None:
        shown["md5Hash"] = contents.md5
    if contents.components is not None:
        shown["componentCount"] = contents.components
    return shown


def readdressed(resource: Mapping[str, Any], address: str) -> dict[str, Any]:
    """An object's resource with links of Google's own, for a client that has found the service at ``address``."""
    links = {key: address + resource[key].removeprefix(PUBLIC_ADDRESS) for key in ("selfLink", "mediaLink")}
    return {**resource, **links}


def bucket_resource(bucket: Bucket, address: str) -> dict[str, Any]:
    """A bucket as the JSON API shows it; ``address`` begins its link."""
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "selfLink": f"{address}/storage/v1/b/{bucket.name}",
        "projectNumber": "0",
        "metageneration": str(bucket.metageneration),
        "etag": bucket.etag,
        "timeCreated": timestamp(bucket.created),
        "updated": timestamp(bucket.updated),
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        **bucket.settings,
    }
