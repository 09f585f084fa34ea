"""The per-document way, beside ours: one Algolia request for each changed return, as the popular extension does.

It gets every advantage: it runs in the benchmark's own process, so no request is delivered, no token checked and
nothing enqueued; it is told which returns have changed; and the records are made by the product's own code. What
remains is the way itself: read the document, send one ``saveObject`` through Algolia's official client.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from urllib.parse import urlsplit

from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClient
from algoliasearch.search.config import SearchConfig
from google.cloud.firestore import AsyncClient

from functions.returns.index_settings import settings_by_index
from functions.returns.projection import Delete, Save, decide
from tests.benchmarks.report import show
from tests.benchmarks.system import Span, System, running
from tests.benchmarks.workload import changed, returns, searchable

_INDEX = "per_document"
# As many as there would be instances of the extension's function at work.
_AT_ONCE = 16
_MAX_RECORD_BYTES = 10_000


class PerDocument:
    """Pushes returns into an index of its own, one by one."""

    def __init__(self, db: AsyncClient, algolia: SearchClient) -> None:
        self._db = db
        self._algolia = algolia

    async def prepare(self) -> None:
        """Give the index the settings, and so the replicas, of the product's."""
        for name, settings in settings_by_index(_INDEX).items():
            await self._algolia.set_settings(name, settings)

    async def push(self, return_ids: Iterable[str]) -> None:
        """Bring these returns, which have changed, into the index."""
        waiting = iter(return_ids)

        async def work() -> None:
            for return_id in waiting:
                await self._push_one(return_id)

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))

    async def _push_one(self, return_id: str) -> None:
        snapshot = await self._db.collection("order_returns").document(return_id).get()
        match decide(return_id, snapshot.to_dict() or {}, datetime.now(UTC), _MAX_RECORD_BYTES):
            case Save(record=record):
                await self._algolia.save_object(_INDEX, record)
            case Delete():
                await self._algolia.delete_object(_INDEX, return_id)

    async def found(self) -> int:
        """How many records the index has."""
        answer = await self._algolia.search_single_index(_INDEX, {"query": "", "hitsPerPage": 1})
        return int(answer.nb_hits or 0)


@asynccontextmanager
async def per_document(system: System) -> AsyncIterator[PerDocument]:
    """The per-document way on the stand-ins of ``system``."""
    environment = system.cloud.environment
    # The one way to tell Firestore's client.
    os.environ["FIRESTORE_EMULATOR_HOST"] = environment["FIRESTORE_EMULATOR_HOST"]
    config = SearchConfig(environment["ALGOLIA_APP_ID"], environment["ALGOLIA_API_KEY"])
    url = urlsplit("http://" + environment["ALGOLIA_HOST"])
    config.hosts = HostsCollection([Host(url.hostname or "", scheme="http", port=url.port) for _ in range(2)])
    async with SearchClient(config=config) as algolia:
        pusher = PerDocument(AsyncClient(project=environment["GOOGLE_CLOUD_PROJECT"]), algolia)
        await pusher.prepare()
        yield pusher


@dataclass(frozen=True)
class Comparison:
    """Both ways on the same changes, a span for each round."""

    size: int
    ours: Sequence[Span]
    theirs: Sequence[Span]


async def compare(size: int, rounds: int) -> Comparison:
    """Change ``size`` returns, then let both ways bring them into the index; take turns in who goes first.

    Raises:
        RuntimeError: one of the two has not brought all into its index.
    """
    ours, theirs = [], []
    async with running() as system, per_document(system) as other:
        entries = returns(size)
        for number in range(rounds):
            await system.ingest(changed(entries, number))
            if number % 2:
                theirs.append(await _push(system, other, entries))
                ours.append(await system.sync())
            else:
                ours.append(await system.sync())
                theirs.append(await _push(system, other, entries))
            if await system.found() != searchable(entries) or await other.found() != searchable(entries):
                raise RuntimeError("the two indexes should hold the same returns, and do not")
    return Comparison(size, ours, theirs)


async def _push(system: System, other: PerDocument, entries: Sequence[dict[str, object]]) -> Span:
    client_cpu = time.process_time()
    async with system.measured() as spans:
        await other.push(str(entry["return_id"]) for entry in entries)
    span = spans[0]
    # Its functions are in this process.
    cpu = span.functions_cpu + time.process_time() - client_cpu
    return replace(span, functions_cpu=cpu)


def show_comparison(comparison: Comparison) -> None:
    """Print both, and ours over theirs."""
    size, ours, theirs = comparison.size, comparison.ours, comparison.theirs
    rows: list[tuple[object, ...]] = [
        (
            "returns/s, stored to searchable",
            *_two(size / median(s.wall for s in way) for way in (ours, theirs)),
        ),
        ("CPU µs a return", *_two(median(s.cpu for s in way) / size * 1e6 for way in (ours, theirs))),
        ("Algolia write requests", *_two(float(way[0].counts["write_requests"]) for way in (ours, theirs))),
        ("Firestore calls", *_two(float(way[0].rpcs) for way in (ours, theirs))),
        ("Firestore reads a return", *_two(way[0].counts["reads"] / size for way in (ours, theirs))),
    ]
    title = (
        f"Beside one Algolia request a changed return ({size:,} changes, {len(ours)} rounds, taking turns)"
    )
    show(title, ("", "this sync", "per document", "ratio"), rows)


def _two(figures: Iterable[float]) -> tuple[float, float, str]:
    ours, theirs = figures
    return ours, theirs, f"{max(ours, theirs) / min(ours, theirs):,.1f}x"
