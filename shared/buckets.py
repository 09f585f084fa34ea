"""Calls of Cloud Storage, bounded in time and repeated for as long as that can help.

Google's client blocks. ``call`` runs it in a thread; who is in a thread already says ``call_blocking``.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed, RetryError
from requests import RequestException

from shared.errors import TransientError

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

_log = logging.getLogger(__name__)

# Seconds for one request, and for all its repetitions: several fit into an attempt.
_REQUEST_SECONDS = 20
RETRY_SECONDS = 40.0

T = TypeVar("T")


class BucketCalls:
    """Calls about one bucket.

    ``NotFound`` and ``PreconditionFailed`` are raised as they are; whatever else goes wrong is a
    :class:`TransientError`.

    Args:
        retry_seconds: for how long a request is repeated while the bucket is out of reach.
    """

    def __init__(self, bucket: "Bucket", retry_seconds: float = RETRY_SECONDS) -> None:
        self.bucket = bucket
        self._retry_seconds = retry_seconds

    async def call(self, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a method of the client that takes ``timeout`` and ``retry``."""
        return await asyncio.to_thread(self.call_blocking, method, *arguments, **options)

    def call_blocking(self, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """As :meth:`call`, in the caller's own thread."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        retry = DEFAULT_RETRY.with_timeout(self._retry_seconds)
        with out_of_reach():
            return partial(method, *arguments, timeout=_REQUEST_SECONDS, retry=retry, **options)()

    async def objects(self, fields: str, **options: Any) -> "list[Blob]":
        """All objects that ``options`` select, each with ``fields`` alone, such as ``"name,updated"``."""

        def blobs(**bounds: Any) -> "list[Blob]":
            wanted = f"items({fields}),nextPageToken"
            return list(self.bucket.list_blobs(fields=wanted, **options, **bounds))

        return await self.call(blobs)


@contextmanager
def out_of_reach() -> Iterator[None]:
    """Around a request: customers may read why their work failed, but not how our cloud is built."""
    try:
        yield
    except (NotFound, PreconditionFailed):
        raise
    except (GoogleAPICallError, RetryError, RequestException, OSError) as error:
        _log.warning("bucket.out_of_reach", extra={"error": repr(error)})
        raise TransientError("Our storage is out of reach.") from error
