"""What can be done with buckets, whatever API asks for it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from infra.local.clock import Clock

from .errors import StorageError, condition_not_met, conflict, invalid, no_bucket, unimplemented
from .lifecycle import deletion_age
from .preconditions import ALWAYS, Preconditions
from .resources import Bucket
from .store import Store

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_SETTABLE = (
    "location",
    "storageClass",
    "labels",
    "cors",
    "lifecycle",
    "iamConfiguration",
    "softDeletePolicy",
    "rpo",
)
_BEYOND = (
    "autoclass",
    "billing",
    "customPlacementConfig",
    "defaultEventBasedHold",
    "encryption",
    "hierarchicalNamespace",
    "ipFilter",
    "logging",
    "objectRetention",
    "retentionPolicy",
    "website",
)


class Buckets:
    """All buckets. A bucket's soft-delete policy is kept and shown, but nothing follows from it.

    Every method raises ``StorageError`` for what is not there, in the way or malformed.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, name: str, settings: Mapping[str, Any], public: bool = False) -> Bucket:
        """Make a bucket; ``settings`` by their names in the JSON API."""
        if not _NAME.fullmatch(name):
            raise invalid(f"Invalid bucket name: '{name}'")
        if self._store.bucket(name):
            raise conflict(
                "Your previous request to create the named bucket succeeded and you already own it."
            )
        now = self._clock.now()
        bucket = Bucket(name, 1, now, now, public, _settings(settings))
        self._store.save_bucket(bucket)
        return bucket

    def get(self, name: str, preconditions: Preconditions = ALWAYS) -> Bucket:
        """The bucket."""
        bucket = self._store.bucket(name)
        if bucket is None:
            raise no_bucket()
        wanted, unwanted = preconditions.metageneration, preconditions.not_metageneration
        if wanted not in (None, bucket.metageneration) or unwanted == bucket.metageneration:
            raise condition_not_met()
        return bucket

    def page(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Up to ``limit`` buckets in name order that begin with ``prefix`` and come after ``after``."""
        return self._store.buckets(prefix, after, limit)

    def patch(self, name: str, patch: Mapping[str, Any], preconditions: Preconditions) -> Bucket:
        """Change the settings that ``patch`` has; null removes one."""
        current = self.get(name, preconditions)
        return self._update(current, _settings({**current.settings, **patch}))

    def replace(self, name: str, resource: Mapping[str, Any], preconditions: Preconditions) -> Bucket:
        """Set all settings anew."""
        return self._update(self.get(name, preconditions), _settings(resource))

    def ensure(self, name: str, *, public: bool, settings: Mapping[str, Any]) -> Bucket:
        """Make the bucket, or set an existing one to be so."""
        current = self._store.bucket(name)
        if current is None:
            return self.create(name, settings, public)
        wanted = replace(current, public=public, settings=_settings(settings))
        return current if wanted == current else self._update(wanted, wanted.settings)

    def delete(self, name: str, preconditions: Preconditions) -> None:
        """Remove an empty bucket."""
        self.get(name, preconditions)
        if next(self._store.objects(name, ""), None):
            raise conflict("The bucket you tried to delete is not empty.")
        self._store.delete_bucket(name)

    def _update(self, current: Bucket, settings: Mapping[str, Any]) -> Bucket:
        updated = replace(
            current,
            metageneration=current.metageneration + 1,
            updated=self._clock.now(),
            settings=settings,
        )
        self._store.save_bucket(updated)
        return updated


def _settings(resource: Mapping[str, Any]) -> dict[str, Any]:
    for key in _BEYOND:
        if resource.get(key):
            raise unimplemented(f"{key} of a bucket")
    if (resource.get("versioning") or {}).get("enabled"):
        raise unimplemented("object versioning")
    deletion_age(resource.get("lifecycle") or {})
    access = (resource.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    if access.get("enabled") is False:
        raise StorageError(
            HTTPStatus.NOT_IMPLEMENTED, "notImplemented", "the local Cloud Storage has uniform access only"
        )
    return {key: resource[key] for key in _SETTABLE if resource.get(key) is not None}
