"""Categories, price feeds and visitors through the front door, until the storefronts show them."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.local.demo.feeds import Feed, morning_feed, noon_feed
from infra.local.demo.groceries import Grocer, assortment, category_records, load_groceries, visits
from infra.local.demo.load import DemoError, FrontDoor

_REST_SECONDS = 60


@dataclass(frozen=True)
class RunReport:
    """What a feed came to.

    Attributes:
        feed: the object.
        stores: how many it has.
        pages_read, pages_written: of their assortments.
        items_changed: how many are new, or other than they were.
        report: the object that names the bad lines; None without any.
    """

    feed: str
    status: str
    good: int
    bad: int
    stores: int
    pages_read: int
    pages_written: int
    items_changed: int
    report: str | None


@dataclass(frozen=True)
class StorefrontsReport:
    """What came of the first feeds.

    Attributes:
        storefronts: how many are served.
    """

    categories: int
    runs: Sequence[RunReport]
    storefronts: int
    seconds: float


@dataclass(frozen=True)
class ChangeReport:
    """What came of a feed that changes little.

    Attributes:
        rebuilt: the stores whose storefront is of another generation since.
        untouched: how many storefronts are as they were.
    """

    run: RunReport
    rebuilt: Sequence[str]
    untouched: int
    seconds: float


async def load_storefronts(operator: FrontDoor, grocers: Mapping[str, FrontDoor]) -> StorefrontsReport:
    """Enter the categories, drop each grocer's first feed, and let visitors come to a store of each.

    Args:
        operator: who enters categories.
        grocers: each grocer's own, by account.

    Raises:
        DemoError: something was not taken in, or did not come to its end.
    """
    started = time.perf_counter()
    known, categories = load_groceries().grocers, category_records()
    await operator.call("POST", "/categories/batch", json={"categories": categories})
    feeds = [morning_feed(grocer) for grocer in known]
    await asyncio.gather(*(_drop(operator, feed) for feed in feeds))
    await operator.wait_for_rest(_REST_SECONDS)
    await asyncio.gather(*(_visit(grocers[grocer.account], grocer) for grocer in known))
    await operator.wait_for_rest(_REST_SECONDS)
    runs = [await _run(operator, feed) for feed in feeds]
    built = len(await _generations(operator))
    return StorefrontsReport(len(categories), runs, built, time.perf_counter() - started)


async def change_prices(operator: FrontDoor) -> ChangeReport:
    """Drop the first grocer's second feed, in which a few prices are lower.

    Raises:
        DemoError: it was not taken in, or did not come to its end.
    """
    feed = noon_feed(load_groceries().grocers[0])
    before = await _generations(operator)
    started = time.perf_counter()
    await _drop(operator, feed)
    await operator.wait_for_rest(_REST_SECONDS)
    took = time.perf_counter() - started
    after = await _generations(operator)
    rebuilt = [store for store in after if after[store] != before[store]]
    return ChangeReport(await _run(operator, feed), rebuilt, len(after) - len(rebuilt), took)


async def _drop(door: FrontDoor, feed: Feed) -> None:
    await door.call("PUT", f"/_local/{feed.name}", data=feed.content)


async def _visit(door: FrontDoor, grocer: Grocer) -> None:
    """Tell what a day's visitors saw and bought in a grocer's first store, and have its storefront show it."""
    store = grocer.stores[0]
    seen = {"batch_id": "demo", "events": visits(assortment(grocer, store))}
    await door.call("POST", f"/storefront/{store}/events", json=seen)
    await door.call("POST", f"/storefront/{store}:rebuild")


async def _run(door: FrontDoor, feed: Feed) -> RunReport:
    """The newest run of a feed."""
    listed = await door.call("GET", "/price-runs")
    run = next(run for run in listed["runs"] if run["feed"] == feed.name)
    if run["totals"] is None:
        raise DemoError(f"the run of {feed.name} is {run['status']}: {run['reason']}")
    known = run | run["totals"]
    return RunReport(**{name: known[name] for name in RunReport.__dataclass_fields__})


async def _generations(door: FrontDoor) -> dict[str, int]:
    """By store, which generation of its storefront is served."""
    stores = [store for grocer in load_groceries().grocers for store in grocer.stores]
    answers = await asyncio.gather(*(door.call("GET", f"/storefront/{store}") for store in stores))
    return {store: answer["generation"] for store, answer in zip(stores, answers, strict=True)}
