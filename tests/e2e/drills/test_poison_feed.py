"""Drill: a retailer's export goes wrong in every way that there is, on the morning on which another's prices change."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.drills.feeds import ITEMS, bad_in_part, feed, poison
from tests.e2e.drills.night import Night
from tests.e2e.harness import LocalCloud

pytestmark = pytest.mark.long

SOUND, SICK = "casa-verde", "brambilla"
# Each retailer's one store.
STORES = {SOUND: "milano", SICK: "torino"}


def test_a_retailers_export_goes_wrong(system: LocalCloud) -> None:
    night = Night(system, "Drill: a poison feed, and others beside it")
    _open_shops(night)
    before = {store: _shown(night, store) for store in STORES.values()}
    poisons = list(poison(STORES[SICK]))
    for each in poisons:
        _drop(night, SICK, each.name, each.content)
    _drop(night, SOUND, "noon.csv", feed("milano", "2.50"))
    night.quiet()
    runs = _runs(night, SICK)
    for each in poisons:
        run = runs[each.name]
        assert (run["status"], run["reason"].startswith(each.reason)) == ("refused", True), run
        night.note(f"{each.name}: refused: {run['reason'][:90]}")
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
    _drop(night, SICK, "few-bad.csv", bad_in_part("torino", "2.00"))
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
