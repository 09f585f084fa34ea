"""Drill: a retailer's export goes wrong in every way that there is, on the morning on which another's prices change."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.drills.night import Night
from tests.e2e.harness import LocalCloud

pytestmark = pytest.mark.long

SOUND, SICK = "casa-verde", "brambilla"
# Each retailer's one store.
STORES = {SOUND: "milano", SICK: "torino"}
ITEMS = 300
HEADER = "store_id,sku,price,currency,available,name,category_id\n"
MIB = 2**20


def feed(store: str, price: str, *bad: str) -> bytes:
    """A store's items, all at one price; then bad lines."""
    lines = [f"{store},SKU-{number},{price},EUR,true,Item {number},food\n" for number in range(ITEMS)]
    return "".join([HEADER, *lines, *bad]).encode()


def bomb() -> bytes:
    """2 MB that unpack to more than 2 GiB, all in one line."""
    return gzip.compress(HEADER.encode()) + gzip.compress(b"A" * (64 * MIB)) * 33


def broken_quote() -> bytes:
    """A quote that is never closed, a zero byte, a line of 100 KB and one of too few fields, among good lines."""
    bad = ('torino,"SKU-1,2.00,EUR,true,Never closed,food\n', "torino,\0,2.00,EUR,true,Zero,food\n")
    return feed("torino", "2.00", *bad, f"torino,{'X' * 100_000}\n", "torino,SKU-2\n")


# What each is, and how its refusal has to begin to make sense to whoever reads it.
POISON: dict[str, tuple[Callable[[], bytes], str]] = {
    "half-bad.csv": (
        lambda: feed("torino", "9.99", *["torino,SKU-1,free,EUR,true,No price,food\n"] * ITEMS),
        "300 of",
    ),
    "utf-16.csv": (lambda: feed("torino", "9.99").decode().encode("utf-16"), "Its header is not UTF-8"),
    "wide.csv": (
        lambda: (HEADER.strip() + "".join(f",c{n}" for n in range(5_000)) + "\n").encode(),
        "Its header must name",
    ),
    "bomb.csv.gz": (bomb, "It is larger than"),
    "cut-off.csv.gz": (lambda: gzip.compress(feed("torino", "9.99"))[:-20], "Its gzip compression is broken"),
    "too-many-stores.csv": (
        lambda: (HEADER + "".join(f"s{n},A,1.00,EUR,true,A,food\n" for n in range(10_002))).encode(),
        "It has lines of more than",
    ),
    "empty.csv": (lambda: b"", "It is empty"),
}


def test_a_retailers_export_goes_wrong(system: LocalCloud) -> None:
    night = Night(system, "Drill: a poison feed, and others beside it")
    _open_shops(night)
    before = {store: _shown(night, store) for store in STORES.values()}
    for name, (content, _) in POISON.items():
        _drop(night, SICK, name, content())
    _drop(night, SOUND, "noon.csv", feed("milano", "2.50"))
    night.quiet()
    runs = _runs(night, SICK)
    for name, (_, reason) in POISON.items():
        run = runs[name]
        assert (run["status"], run["reason"].startswith(reason)) == ("refused", True), run
        night.note(f"{name}: refused: {run['reason'][:90]}")
    _check_report(night, runs["half-bad.csv"], bad=ITEMS)
    assert _shown(night, "torino") == before["torino"]
    assert _prices(night, "milano") == {"2.50"}
    night.note("the storefront of torino is as it was; milano shows its new prices")
    _take_what_is_good(night)
    _check_run_list(night)
    night.check_all_is_well()


def _open_shops(night: Night) -> None:
    tree = {"categories": [{"id": "food", "parent_id": None, "name": "Food"}]}
    headers = night.cloud.token("ops")
    night.cloud.http.post("/categories/batch", json=tree, headers=headers).raise_for_status()
    for retailer, store in STORES.items():
        _drop(night, retailer, "morning.csv", feed(store, "1.50"))
    night.pass_time(timedelta(minutes=15))
    night.quiet()
    assert _prices(night, "milano") == _prices(night, "torino") == {"1.50"}
    night.say_health()


def _take_what_is_good(night: Night) -> None:
    """A feed with a few lines that would break a careless reader is taken, and they are reported."""
    _drop(night, SICK, "few-bad.csv", broken_quote())
    night.quiet()
    run = _runs(night, SICK)["few-bad.csv"]
    assert (run["status"], run["good"], run["bad"]) == ("done", ITEMS, 4), run
    _check_report(night, run, bad=4)
    assert _prices(night, "torino") == {"2.00"}
    night.note(
        f"few-bad.csv: done: {run['good']} good lines are taken, {run['bad']} bad ones are in its report"
    )


def _check_report(night: Night, run: dict[str, Any], bad: int) -> None:
    report = night.cloud.http.get(f"/_local/{run['report']}").raise_for_status()
    lines = [json.loads(line) for line in report.text.splitlines()]
    assert len(lines) == bad
    assert all(line["line"] > ITEMS and line["reason"] for line in lines)


def _check_run_list(night: Night) -> None:
    """Operators see the refused runs as failed ones, with the reason that the retailer is given."""
    listed = {run["id"]: run for run in night.runs("prices")}
    for run in _runs(night, SICK).values():
        if run["status"] == "refused":
            assert (listed[run["id"]]["status"], listed[run["id"]]["error"]) == ("failed", run["reason"])


def _drop(night: Night, retailer: str, name: str, content: bytes) -> None:
    night.cloud.http.put(f"/_local/feeds/{retailer}/{name}", content=content).raise_for_status()


def _runs(night: Night, retailer: str) -> dict[str, dict[str, Any]]:
    """A retailer's runs by the name of the feed."""
    headers = night.cloud.token("retailer", account=retailer)
    answer = night.cloud.http.get("/price-runs?limit=100", headers=headers).raise_for_status()
    return {run["feed"].rpartition("/")[2]: run for run in answer.json()["runs"]}


def _shown(night: Night, store: str) -> dict[str, Any]:
    """A storefront's main page."""
    page: dict[str, Any] = night.cloud.http.get(f"/storefront/{store}").raise_for_status().json()
    return page


def _prices(night: Night, store: str) -> set[str]:
    return {
        product["price"] for category in _shown(night, store)["categories"] for product in category["best"]
    }
