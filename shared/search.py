"""One Algolia index, asynchronously, with errors that say whether trying again can help."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from shared.errors import BackstockError, TransientError

if TYPE_CHECKING:
    from algoliasearch.http.transporter_sync import TransporterSync

# https://www.algolia.com/doc/guides/sending-and-managing-data/send-and-update-your-data/in-depth/index-operations
MAX_BATCH_RECORDS = 1_000
MAX_BATCH_BYTES = 10_000_000

# A request that goes wrong for its content; whoever sent it can send less of it.
_REFUSED = (400, 413, 422)


class RefusedError(BackstockError):
    """The index will not take this request as it is, today or tomorrow."""


class IndexMissingError(RefusedError):
    """There is no such index yet: the first write makes it."""


class SearchIndex:
    """An index by its name. Requests block, so each runs on a thread."""

    def __init__(self, transport: "TransporterSync", name: str) -> None:
        self._transport = transport
        self.name = name

    async def batch(self, requests: Sequence[dict[str, Any]]) -> None:
        """Write up to 1,000 records and 10 MB: ``[{"action": "addObject", "body": {…}}, …]``.

        Algolia applies accepted batches of one index in the order in which they came.

        Raises:
            RefusedError: the content is not acceptable; nothing of it was written.
            TransientError: no answer, a server's fault, or a limit that passes; it may have been written.
        """
        await self._request("POST", f"{self._path()}/batch", {"requests": requests})

    async def set_settings(self, settings: dict[str, Any], replica: str = "") -> None:
        """Replace the given settings of the index, or of one of its replicas.

        Raises:
            RefusedError, TransientError: as :meth:`batch`.
        """
        await self._request("PUT", f"{self._path(replica)}/settings", settings)

    async def search(self, parameters: dict[str, Any], replica: str = "") -> dict[str, Any]:
        """Search the index, or one of its replicas for another order.

        Raises:
            IndexMissingError: nothing has been written to it yet.
            RefusedError, TransientError: as :meth:`batch`.
        """
        return await self._request("POST", f"{self._path(replica)}/query", parameters, read=True)

    def _path(self, replica: str = "") -> str:
        return f"/1/indexes/{quote(replica or self.name, safe='')}"

    async def _request(self, verb: str, path: str, content: Any, *, read: bool = False) -> dict[str, Any]:
        return await asyncio.to_thread(
            self._blocking_request, verb, path, orjson.dumps(content).decode(), read
        )

    def _blocking_request(self, verb: str, path: str, body: str, read: bool) -> dict[str, Any]:
        from algoliasearch.http.exceptions import AlgoliaUnreachableHostException, RequestException
        from algoliasearch.http.request_options import RequestOptions
        from algoliasearch.http.verb import Verb
        from requests import RequestException as ConnectionFailed

        options = RequestOptions(self._transport.config).merge(data=body)
        try:
            answer = self._transport.request(Verb[verb], path, options, read)
        except RequestException as error:
            if error.status_code == 404:
                raise IndexMissingError(error.message) from error
            if error.status_code in _REFUSED:
                raise RefusedError(error.message) from error
            raise TransientError(f"Algolia answered {error.status_code}: {error.message}") from error
        except (AlgoliaUnreachableHostException, ConnectionFailed) as error:
            self._forgive_hosts()
            raise TransientError(f"Algolia is out of reach: {error}") from error
        content: dict[str, Any] = orjson.loads(answer.raw_data or "{}")
        return content

    def _forgive_hosts(self) -> None:
        """Let the next call try: the client would pass over hosts that failed for 5 minutes without a request."""
        if hosts := self._transport.config.hosts:
            for host in hosts.read() + hosts.write():
                host.reset()
