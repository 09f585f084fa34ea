"""Drill: the search index is down for more than an hour, at the busiest time of day."""

import random
from datetime import timedelta

import pytest

from tests.e2e.campaign import Campaign
from tests.e2e.drills.night import Night
from tests.e2e.harness import LocalCloud

pytestmark = pytest.mark.long

SEED = 41
RETURN_IDS = [f"R-{number}" for number in range(600)]
CRON = timedelta(minutes=15)
OUTAGE = timedelta(minutes=75)
DOWN = {"algolia": {"rate_5xx": 1}}


def test_the_index_is_down_for_more_than_an_hour(system: LocalCloud) -> None:
    night = Night(
        system, f"Drill: the index is down for {OUTAGE.total_seconds() / 60:.0f} minutes (seed {SEED})"
    )
    warehouse = Campaign(system, SEED)
    _open_for_business(night, warehouse)
    night.break_(**DOWN)
    night.note("the index answers 503 to everything")
    accepted = _go_on_taking_returns(night, warehouse)
    ill = night.say_health()
    assert ill["status"] != "ok"
    assert "index" in ill["sentence"]
    assert _searched(system) == 503
    night.mend()
    night.note(f"the index is back; {accepted} changes were taken meanwhile, none was refused")
    night.quiet()
    night.pass_time(2 * CRON)
    _clear_away_letters(night)
    warehouse.check_sync()
    assert _searched(system) == 200
    night.check_all_is_well()


def _open_for_business(night: Night, warehouse: Campaign) -> None:
    for start in range(0, len(RETURN_IDS), 500):
        warehouse.put(*(warehouse.message(return_id) for return_id in RETURN_IDS[start : start + 500]))
    night.pass_time(CRON)
    night.quiet()
    warehouse.check_sync()
    night.note(f"{len(RETURN_IDS)} returns are in the index")
    assert night.say_health()["status"] == "ok"


def _go_on_taking_returns(night: Night, warehouse: Campaign) -> int:
    """Some returns change, are cancelled or go, all through the outage; every answer must be a 2xx. How many."""
    dice = random.Random(SEED)
    accepted = 0
    for _ in range(OUTAGE // CRON):
        changed = dice.sample(RETURN_IDS, 40)
        warehouse.put(*(warehouse.message(return_id) for return_id in changed[:30]))
        warehouse.put(*(warehouse.message(return_id, status="cancelled") for return_id in changed[30:39]))
        warehouse.remove(changed[39])
        accepted += len(changed)
        night.pass_time(CRON, step=timedelta(minutes=1))
    return accepted


def _clear_away_letters(night: Night) -> None:
    """As the runbook says: batches of a run that gave up are replayed, and find their work done by a later run."""
    letters = night.letters()
    assert {letter["queue"] for letter in letters} <= {"returnSync", "returnSyncProcessing"}
    night.note(f"open dead letters: {len(letters)}, batches that were tried 30 times")
    night.replay_all()


def _searched(system: LocalCloud) -> int:
    headers = system.token("seller", account="acme")
    return system.http.get("/search-order-return-index-data?q=", headers=headers).status_code
