"""Resumable uploads: an object that comes in pieces, over connections that may break and restarts in between.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Self
from weakref import WeakValueDictionary

from infra.local.clock import Clock

from .blobs import Blobs
from .checksums import Checksums, require
from .errors import StorageError, invalid
from .objects import Objects
from .preconditions import ALWAYS, Preconditions
from .resources import Metadata, StoredObject, object_resource
from .store import Store, Upload

_LIFETIME = timedelta(days=7).total_seconds()
_QUANTUM = 256 * 1024
_PIECE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(?:(\d+)|\*)", re.ASCII)


@dataclass(frozen=True)
class UploadRequest:
    """What an upload is to become.

    Attributes:
        size: its bytes, if they are known.
        checksums: what they must have.
        least, most: how many bytes are allowed.
    """

    metadata: Metadata
    preconditions: Preconditions = ALWAYS
    size: int | None = None
    checksums: Checksums = field(default_factory=dict)
    least: int = 0
    most: int = 5 * 1024**4

    def as_json(self) -> str:
        """To be kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """As it was kept."""
        kept = json.loads(text)
        return cls(**{**kept, "preconditions": Preconditions(**kept["preconditions"])})


@dataclass(frozen=True)
class Piece:
    """Which bytes a request brings.

    Attributes:
        first: the first one's place; None if it brings none and asks how far the upload is.
        last: the last one's place; None where that is to be seen from the body.
        total: the size of the whole, if it is known.
    """

    first: int | None
    last: int | None
    total: int | None

    @classmethod
    def parse(cls, content_range: str | None) -> Self:
        """Read a ``Content-Range``; without one the body is the whole.

        Raises:
            StorageError: it is malformed.
        """
        if content_range is None:
            return cls(0, None, None)
        found = _PIECE.fullmatch(content_range)
        if not found:
            raise invalid(f"Failed to parse Content-Range header {content_range!r}.")
        first, last, total = (None if group is None else int(group) for group in found.groups())
        if first is not None and last is not None and (last < first or (total or last + 1) <= last):
            raise invalid(f"Invalid Content-Range {content_range!r}.")
        return cls(first, last, total)


class Uploads:
    """All resumable uploads; each can be continued for 7 days."""

    def __init__(self, store: Store, blobs: Blobs, objects: Objects, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._objects = objects
        self._clock = clock
        # A client that has lost its connection may be back before the server has noticed.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def start(self, bucket: str, name: str, request: UploadRequest) -> str:
        """Begin an upload; its id, which is all that one needs to go on.

        Raises:
            StorageError: the bucket is not there, the name cannot be, or a precondition does not hold.
        """
        self._objects.check_write(bucket, name, request.preconditions)
        self._forget_old()
        upload_id = secrets.token_urlsafe(48)
        blob = self._blobs.create()
        self._store.save_upload(Upload(upload_id, self._clock.time(), blob, bucket, name, request.as_json()))
        return upload_id

    async def receive(
        self, upload_id: str, piece: Piece, body: AsyncIterator[bytes], checksums: Checksums
    ) -> int | Mapping[str, Any]:
        """Take a piece, or tell how far the upload is.

        Args:
            body: the piece's bytes. When it breaks off by an exception, what has come stays.
            checksums: of the whole, beside those that the start has named.

        Returns:
            How many bytes are kept, or the resource of the object, with Google's links, once the upload is finished.

        Raises:
            StorageError: there is no such upload, the piece does not continue it, or the whole is refused; in the
                last case the upload is over.
        """
        async with self._lock(upload_id):
            upload = self._upload(upload_id)
            if upload.finished:
                finished: Mapping[str, Any] = json.loads(upload.finished)
                return finished
            request = UploadRequest.from_json(upload.request)
            if piece.first is not None:
                await self._append(upload, piece, request, body)
            return await self._progress(upload, piece, request, checksums)

    async def cancel(self, upload_id: str) -> None:
        """End an upload that is under way.

        Raises:
            StorageError: there is no such upload.
        """
        async with self._lock(upload_id):
            self._drop(self._upload(upload_id))

    def _lock(self, upload_id: str) -> asyncio.Lock:
        return self._locks.setdefault(upload_id, asyncio.Lock())

    def _upload(self, upload_id: str) -> Upload:
        upload = self._store.upload(upload_id)
        if upload is None or upload.started < self._clock.time() - _LIFETIME:
            raise StorageError(HTTPStatus.NOT_FOUND, "notFound", "There is no such upload.")
        return upload

    async def _append(
        self, upload: Upload, piece: Piece, request: UploadRequest, body: AsyncIterator[bytes]
    ) -> None:
        if piece.last is None:
            self._blobs.truncate(upload.blob, 0)
        kept, first = self._blobs.size(upload.blob), piece.first or 0
        if first > kept:
            raise invalid(f"The upload has {kept} bytes; a piece cannot begin at {first}.")
        end = request.most if piece.last is None else piece.last + 1
        new = _between(body, kept - first, min(end, request.most) - first)
        try:
            await self._blobs.append(upload.blob, new)
        except StorageError:
            self._blobs.truncate(upload.blob, kept)
            raise

    async def _progress(
        self, upload: Upload, piece: Piece, request: UploadRequest, checksums: Checksums
    ) -> int | Mapping[str, Any]:
        kept = self._blobs.size(upload.blob)
        total = piece.total if piece.total is not None else request.size
        if piece.first is not None and piece.last is None:
            total = kept
        if request.size is not None and total != request.size:
            raise invalid(f"The upload was to have {request.size} bytes, not {total}.")
        if kept == total:
            return await self._finish(upload, request, checksums)
        if total is not None and kept > total:
            raise invalid(f"The upload has {kept} bytes already, which is more than {total}.")
        whole_quanta = kept - kept % _QUANTUM
        self._blobs.truncate(upload.blob, whole_quanta)
        return whole_quanta

    async def _finish(
        self, upload: Upload, request: UploadRequest, checksums: Checksums
    ) -> Mapping[str, Any]:
        def also(stored: StoredObject) -> None:
            finished = json.dumps(object_resource(stored))
            self._store.save_upload(replace(upload, blob="", finished=finished))

        try:
            contents = await self._blobs.contents(upload.blob)
            require({**request.checksums, **checksums}, contents)
            if contents.size < request.least:
                raise StorageError(
                    HTTPStatus.BAD_REQUEST, "entityTooSmall", "Your proposed upload is too small."
                )
            stored = self._objects.put(
                upload.bucket, upload.name, contents, request.metadata, request.preconditions, also
            )
        except StorageError:
            self._drop(upload)
            raise
        return object_resource(stored)

    def _drop(self, upload: Upload) -> None:
        self._store.delete_upload(upload.id)
        if upload.blob:
            self._objects.drop_unused(upload.blob)

    def _forget_old(self) -> None:
        for upload in self._store.uploads_before(self._clock.time() - _LIFETIME):
            self._drop(upload)


async def _between(body: AsyncIterator[bytes], skip: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of ``body`` after the first ``skip``; more than ``end`` are refused."""
    at = 0
    async for chunk in body:
        at += len(chunk)
        if at > end:
            raise StorageError(
                HTTPStatus.BAD_REQUEST, "entityTooLarge", "The body has more bytes than it may have."
            )
        if at > skip:
            yield chunk[-(at - skip) :]
