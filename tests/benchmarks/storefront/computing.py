"""What a rebuild computes, apart from the database: from the contents of stored documents to those of the views."""

import gc
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from google.cloud.firestore import AsyncClient

from functions.storefront.building import build
from functions.storefront.counters import Counters, decode
from functions.storefront.documents import packed
from functions.storefront.events import EventBatches
from functions.storefront.shards import stored_tree
from functions.storefront.snapshots import Snapshot, Snapshots
from functions.storefront.views import build_views
from shared.assortments import decode_page
from shared.clock import utc_now
from tests.benchmarks.report import Bound, show
from tests.benchmarks.storefront.driving import Storefronts

MOST_MILLISECONDS = 250


@dataclass(frozen=True)
class Computed:
    """CPU seconds of each stage, time after time, and of all of it, and what it works on."""

    stages: Mapping[str, Sequence[float]]
    together: Sequence[float]
    read: str
    written: str


async def measure(stores: Storefronts, store_id: str, repeats: int) -> Computed:
    """Compute a store's views as a rebuild does, ``repeats`` times: in this process, without writing them."""
    environment = stores.system.cloud.environment
    # The one way to tell Firestore's client.
    os.environ["FIRESTORE_EMULATOR_HOST"] = environment["FIRESTORE_EMULATOR_HOST"]
    db = AsyncClient(project=environment["GOOGLE_CLOUD_PROJECT"])
    snapshot = await Snapshots(db, Counters(db), EventBatches(db, utc_now)).read(store_id)
    # What the benchmark has in memory is not for the collector to go through while a rebuild is measured.
    gc.collect()
    gc.freeze()
    stages: dict[str, list[float]] = {}
    for _ in range(repeats):
        _measure_stages(snapshot, stages)
    together = [_cpu(lambda: build(snapshot))[0] for _ in range(repeats)]
    contents = build(snapshot).packed.contents
    return Computed(stages, together, _described(snapshot.pages), _described(list(contents.values())))


def _measure_stages(snapshot: Snapshot, stages: dict[str, list[float]]) -> None:
    def stage(name: str, work: Callable[[], Any]) -> Any:
        took, made = _cpu(work)
        stages.setdefault(name, []).append(took)
        return made

    pages = stage("decode pages", lambda: [decode_page(content) for content in snapshot.pages])
    tree = stage("decode categories", lambda: stored_tree(snapshot.categories).tree)
    counts = stage("decode counters", lambda: decode(snapshot.counters))
    views = stage("views", lambda: build_views(tree, pages, counts))
    stage("documents", lambda: packed(views))


def _cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def _described(contents: Sequence[bytes]) -> str:
    return f"{len(contents)} documents, {sum(map(len, contents)) / 1e6:.1f} MB"


def show_computed(computed: Computed) -> None:
    """Print the stages."""
    rows = [*computed.stages.items(), ("all of it", computed.together)]
    show(
        f"Of it, what is computed: from {computed.read}, to {computed.written} (medians of {len(computed.together)})",
        ("stage", "CPU ms", "fastest", "slowest"),
        [(name, *(of(took) * 1e3 for of in (median, min, max))) for name, took in rows],
    )


def bounds(computed: Computed) -> list[Bound]:
    """What is claimed."""
    return [Bound("CPU ms to compute the views", median(computed.together) * 1e3, MOST_MILLISECONDS)]
