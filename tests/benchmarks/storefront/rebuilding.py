"""A large store, from its stored pages to the flipped pointer: time, and documents read, written and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.report import Bound, show
from tests.benchmarks.storefront.driving import BUILT, GRACE_SECONDS, Storefronts
from tests.benchmarks.storefront.feeds import BATCH
from tests.benchmarks.system import Span

STORE = "hypermarket"
# What the issue allows a store of 50,000 products in 3,000 categories.
MOST_DOCUMENTS = 250
# Of views and orders, that come in between two rebuilds.
_BATCHES = 5


@dataclass(frozen=True)
class Rebuilds:
    """The same kind of rebuild, several times.

    Attributes:
        spans: from the request to the moment when nothing is left to do.
        seconds: from the claim to the flipped pointer, by the function's own log.
    """

    kind: str
    spans: Sequence[Span]
    seconds: Sequence[float]

    @property
    def documents(self) -> int:
        """The most that one of them has read, written and deleted."""
        return max(
            span.counts["reads"] + span.counts["writes"] + span.counts["deletes"] for span in self.spans
        )


async def load(stores: Storefronts, store_id: str, products: int) -> None:
    """Let a store come in by a feed, and all of its items' views and orders by events. It is the market's first."""
    await stores.drop(stores.feed([(0, store_id)], products))
    await stores.see(store_id, "opening", stores.market.sold_by(0, products))
    await stores.rebuild(store_id)


async def measure(stores: Storefronts, repeats: int) -> list[Rebuilds]:
    """Rebuild the store that was loaded, as often as said of each kind."""
    plain = _rebuilds(stores, "as it is", [await stores.rebuild(STORE) for _ in range(repeats)])
    spans = [await _after_events(stores, f"day-{number}") for number in range(repeats)]
    return [plain, _rebuilds(stores, f"after {_BATCHES} batches of events", spans)]


async def _after_events(stores: Storefronts, day: str) -> Span:
    seen = [item for item in stores.market.items if item.views]
    await stores.see(STORE, day, seen[: BATCH * _BATCHES])
    return await stores.rebuild(STORE)


async def measure_removal(stores: Storefronts, repeats: int) -> Rebuilds:
    """Rebuild the store when a generation has become too old, and let the sweeper remove that."""
    await stores.later(GRACE_SECONDS)
    await stores.sweep()
    spans = []
    for _ in range(repeats):
        await stores.later(GRACE_SECONDS)
        async with stores.system.measured() as measured:
            await stores.rebuild(STORE)
            await stores.sweep()
        spans += measured
    return _rebuilds(stores, "with an old generation removed", spans)


def _rebuilds(stores: Storefronts, kind: str, spans: Sequence[Span]) -> Rebuilds:
    """What was measured, with what the store's last builds have said of themselves."""
    newest = [line for line in stores.logged(BUILT) if line.fields["store"] == STORE]
    return Rebuilds(kind, spans, [line.fields["seconds"] for line in newest[-len(spans) :]])


def show_rebuilds(found: Sequence[Rebuilds], products: int, categories: int) -> None:
    """Print time and documents of each kind."""
    show(
        f"A store of {products:,} products in {categories:,} categories, rebuilt (medians)",
        ("", "runs", "ms", "CPU ms: functions", "stand-ins", "reads", "writes", "deletes", "together"),
        [_row(rebuilds) for rebuilds in found],
    )


def _row(rebuilds: Rebuilds) -> tuple[object, ...]:
    spans = rebuilds.spans
    return (
        rebuilds.kind,
        len(spans),
        median(rebuilds.seconds) * 1e3,
        median(span.functions_cpu for span in spans) * 1e3,
        median(span.stand_ins_cpu for span in spans) * 1e3,
        *(max(span.counts[name] for span in spans) for name in ("reads", "writes", "deletes")),
        rebuilds.documents,
    )


def bounds(found: Sequence[Rebuilds]) -> list[Bound]:
    """What is claimed of documents, whatever the machine."""
    return [Bound(f"documents of a rebuild, {each.kind}", each.documents, MOST_DOCUMENTS) for each in found]
