"""What an overdue event lacks, told by how often it was tried."""

import pytest

from functions.ops.sweeper import remedy
from shared.outbox import SUPPLY_CHAIN_SYNC
from tests.unit.supply_chain.examples import event

LAST = SUPPLY_CHAIN_SYNC.max_attempts


def test_an_event_that_nobody_has_tried_was_never_enqueued() -> None:
    assert remedy(event(attempts=0)) == "enqueue"


@pytest.mark.parametrize("attempts", range(1, LAST))
def test_an_event_whose_next_attempt_does_not_come_has_lost_its_task(attempts: int) -> None:
    assert remedy(event(attempts=attempts)) == "restart"


@pytest.mark.parametrize("attempts", [LAST, LAST + 1])
def test_an_event_whose_last_attempt_did_not_end_was_killed_in_it(attempts: int) -> None:
    assert remedy(event(attempts=attempts)) == "bury"
