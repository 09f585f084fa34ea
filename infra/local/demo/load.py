"""Load the demo through the front door, as a warehouse would, and let the sync run once."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp

from infra.local.demo.returns import demo_returns

_BATCH = 500  # the most that POST /returns/batch takes
_SYNC_SECONDS = 60
_RETRY_LOOK_SECONDS = 0.5
_QUERIES = ("boots", "keyboard", "lamp")


class DemoError(Exception):
    """The demo could not be loaded; the text says what the functions answered."""


@dataclass(frozen=True)
class DemoReport:
    """What happened.

    Attributes:
        outcomes: of the ingestion, by kind (``created`` and so on).
        load_seconds, sync_seconds: of real time, for the ingestion and for the sync.
        algolia: the stand-in's counters for the sync.
        query: the example's words.
        found: the search's answer to them.
    """

    accounts: int
    outcomes: Mapping[str, int]
    load_seconds: float
    sync_seconds: float
    algolia: Mapping[str, int]
    query: str
    found: Mapping[str, Any]


class FrontDoor:
    """The functions and controls as anyone reaches them over HTTP.

    Args:
        session: with the gateway's URL as its base.
        token: of a user with the role ``ops``.
    """

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, **request: Any) -> Any:
        """The JSON of a successful answer.

        Raises:
            DemoError: any other answer, or none.
        """
        try:
            async with self._session.request(method, path, headers=self._headers, **request) as response:
                if response.ok:
                    return await response.json()
                raise DemoError(f"{method} {path} answered {response.status}: {await response.text()}")
        except aiohttp.ClientError as error:
            raise DemoError(f"{method} {path} got no answer: {error}") from error


async def load_demo(door: FrontDoor, today: date) -> DemoReport:
    """Ingest the returns, run the sync, wait for its end and search.

    Raises:
        DemoError: a step failed.
    """
    returns = list(demo_returns(today))
    started = time.perf_counter()
    outcomes = await _ingest(door, returns)
    loaded = time.perf_counter()
    before = (await door.call("GET", "/_local/stats"))["algolia"]
    await _sync(door)
    synced = time.perf_counter()
    after = (await door.call("GET", "/_local/stats"))["algolia"]
    query, found = await _search(door)
    return DemoReport(
        accounts=len({entry["account"] for entry in returns}),
        outcomes=outcomes,
        load_seconds=loaded - started,
        sync_seconds=synced - loaded,
        algolia={name: after[name] - before[name] for name in after},
        query=query,
        found=found,
    )


async def _ingest(door: FrontDoor, returns: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    """Send all batches at once; the outcomes, counted."""
    batches = (returns[start : start + _BATCH] for start in range(0, len(returns), _BATCH))
    answers = await asyncio.gather(
        *(door.call("POST", "/returns/batch", json={"returns": batch}) for batch in batches)
    )
    return Counter(result["outcome"] for answer in answers for result in answer["results"])


async def _sync(door: FrontDoor) -> None:
    """Run the cron, and wait until no task is left; one that is to be retried is only waited for in real time."""
    run = await door.call("POST", "/_local/schedules/returnsUpdateCron:run")
    if run["status"] != 200:
        raise DemoError(f"returnsUpdateCron ended with {run['status']}: {run['reason']}")
    try:
        async with asyncio.timeout(_SYNC_SECONDS):
            while await _tasks_left(door):  # noqa: ASYNC110  # over HTTP there is no event to wait for
                await asyncio.sleep(_RETRY_LOOK_SECONDS)
    except TimeoutError:
        raise DemoError(f"the sync has not ended within {_SYNC_SECONDS} s") from None


async def _tasks_left(door: FrontDoor) -> int:
    await door.call("POST", f"/_local/idle?timeout={_SYNC_SECONDS}")
    queues = await door.call("GET", "/_local/queues")
    return sum(queue["depth"] for queue in queues.values())


async def _search(door: FrontDoor) -> tuple[str, Any]:
    """The first example query that finds something."""
    for query in _QUERIES:
        found = await door.call("GET", f"/search-order-return-index-data?q={query}&per_page=3")
        if found["total"]:
            return query, found
    raise DemoError("the search finds nothing, though the sync has ended")
