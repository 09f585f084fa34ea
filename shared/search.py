"""One Algolia index, asynchronously, with errors that say whether trying again can help."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from shared.clients import ALGOLIA_CONNECTIONS
from shared.errors import BackstockError, TransientError

if TYPE_CHECKING:
    from algoliasearch.http.api_response import ApiResponse
    from algoliasearch.http.request_options import RequestOptions
    from algoliasearch.http.transporter_sync import TransporterSync
    from algoliasearch.http.verb import Verb

# https://www.algolia.com/doc/guides/sending-and-managing-data/send-and-update-your-data/in-depth/index-operations
MAX_BATCH_RECORDS = 1_000
MAX_BATCH_BYTES = 10_000_000

# A request that goes wrong for its content; whoever sent it can send less of it.
_REFUSED = (400, 413, 422)


class RefusedError(BackstockError):
    """The index will not take this request as it is, today or tomorrow."""


class IndexMissingError(TransientError):
    """There is no such index yet: the first write makes it."""


@dataclass(frozen=True)
class BrowsedPage:
    """A page of a walk through an index. ``cursor`` leads on, ``""`` at the end; ``total`` is of the whole index."""

    hits: list[dict[str, Any]]
    cursor: str
    total: int


class SearchIndex:
    """An index by its name.

    Requests block, so each runs on a thread, of a pool of their own: a slow index must not hold up whatever else a
    function does on threads, such as checking tokens.

    Args:
        connect: gives a transporter for one request, as :func:`shared.clients.algolia` does.
    """

    def __init__(self, connect: Callable[[], "TransporterSync"], name: str) -> None:
        self._connect = connect
        self._threads = ThreadPoolExecutor(ALGOLIA_CONNECTIONS, thread_name_prefix="algolia")
        self.name = name

    def sibling(self, name: str) -> "SearchIndex":
        """Another index of the same application."""
        return SearchIndex(self._connect, name)

    async def batch(self, requests: Sequence[dict[str, Any]]) -> int:
        """Write up to 1,000 records and 10 MB: ``[{"action": "addObject", "body": {…}}, …]``.

        Algolia applies accepted batches of one index in the order in which they came.

        Returns:
            The number of the task; what it does is there once :meth:`is_published` says so.

        Raises:
            RefusedError: the content is not acceptable; nothing of it was written.
            TransientError: no answer, a server's fault, or a limit that passes; it may have been written.
        """
        return _task(await self._request("POST", f"{self._path()}/batch", {"requests": requests}))

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

    async def records(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Up to 1,000 records by their ids, in order; ``None`` for each that is not there. One request.

        Raises:
            RefusedError, TransientError: as :meth:`batch`.
        """
        wanted = [{"indexName": self.name, "objectID": each} for each in ids]
        answer = await self._request("POST", "/1/indexes/*/objects", {"requests": wanted}, read=True)
        found: list[dict[str, Any] | None] = answer["results"]
        return found

    async def browse(self, attributes: Sequence[str], cursor: str = "") -> "BrowsedPage":
        """Up to 1,000 records of all that there are, in an order of Algolia's own. One request.

        Args:
            attributes: of each record, beside its ``objectID``.
            cursor: of the page before.

        Raises:
            IndexMissingError: nothing has been written to it yet.
            RefusedError, TransientError: as :meth:`batch`.
        """
        first = {"attributesToRetrieve": list(attributes) or ["objectID"], "hitsPerPage": MAX_BATCH_RECORDS}
        asked = {"cursor": cursor} if cursor else first
        answer = await self._request("POST", f"{self._path()}/browse", asked, read=True)
        return BrowsedPage(answer["hits"], answer.get("cursor", ""), answer.get("nbHits", 0))

    async def copy_settings_to(self, destination: str) -> int:
        """Give another index, made if there is none, the settings of this one, save its replicas; the task's number.

        Raises:
            RefusedError, TransientError: as :meth:`batch`.
        """
        copy = {"operation": "copy", "destination": destination, "scope": ["settings", "synonyms", "rules"]}
        return _task(await self._request("POST", f"{self._path()}/operation", copy))

    async def move_to(self, destination: str) -> int:
        """Put this index in another's place, all at once; its replicas stay. The task's number.

        A source that is not there is ignored, so a move that is repeated changes nothing.

        Raises:
            RefusedError, TransientError: as :meth:`batch`.
        """
        move = {"operation": "move", "destination": destination}
        return _task(await self._request("POST", f"{self._path()}/operation", move))

    async def drop(self) -> int:
        """Delete the index, if there is one; the task's number.

        Raises:
            RefusedError, TransientError: as :meth:`batch`.
        """
        return _task(await self._request("DELETE", self._path(), None))

    async def is_published(self, task: int) -> bool:
        """Whether what a task of this index does is done.

        Raises:
            RefusedError, TransientError: as :meth:`batch`.
        """
        answer = await self._request("GET", f"{self._path()}/task/{task}", None, read=True)
        return bool(answer["status"] == "published")

    def _path(self, replica: str = "") -> str:
        return f"/1/indexes/{quote(replica or self.name, safe='')}"

    async def _request(self, verb: str, path: str, content: Any, *, read: bool = False) -> dict[str, Any]:
        body = None if content is None else orjson.dumps(content).decode()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._blocking_request, verb, path, body, read)

    def _blocking_request(self, verb: str, path: str, body: str | None, read: bool) -> dict[str, Any]:
        from algoliasearch.http.exceptions import RequestException
        from algoliasearch.http.request_options import RequestOptions
        from algoliasearch.http.verb import Verb

        transporter = self._connect()
        options = RequestOptions(transporter.config).merge(data=body)
        try:
            answer = _first_answer(transporter, Verb[verb], path, options, read)
        except RequestException as error:
            if error.status_code == 404:
                raise IndexMissingError(error.message) from error
            if error.status_code in _REFUSED:
                raise RefusedError(error.message) from error
            raise TransientError(f"Algolia answered {error.status_code}: {error.message}") from error
        content: dict[str, Any] = orjson.loads(answer.raw_data or "{}")
        return content


def _task(answer: dict[str, Any]) -> int:
    return int(answer["taskID"])


def _first_answer(
    transporter: "TransporterSync", verb: "Verb", path: str, options: "RequestOptions", read: bool
) -> "ApiResponse[str]":
    """The answer of the first host that gives one, each being asked once.

    The client alone goes on to the next host after a time-out or a 5xx, but not after a refused connection.
    """
    from algoliasearch.http.exceptions import AlgoliaUnreachableHostException
    from algoliasearch.http.hosts import HostsCollection
    from requests import RequestException as NoAnswer

    hosts = transporter.config.hosts
    reasons = []
    for host in (hosts.read() if read else hosts.write()) if hosts else []:
        transporter.config.hosts = HostsCollection([host])
        try:
            return transporter.request(verb, path, options, read)
        except (AlgoliaUnreachableHostException, NoAnswer) as error:
            reasons.append(f"{host.url}: {error}")
    raise TransientError(f"Algolia is out of reach: {'; '.join(reasons)}")
