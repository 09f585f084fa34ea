"""The times of the deliveries fit each other and the queue that is deployed."""

from datetime import timedelta

import pytest

from functions.supply_chain.lanes import HELD, Held
from functions.supply_chain.upstream import REQUEST_SECONDS
from infra.topology import Topology, load, seconds
from shared.outbox import (
    FIRST_ATTEMPT_WITHIN,
    LAST_ATTEMPT_ENDS_WITHIN,
    NEXT_ATTEMPT_WITHIN,
    SUPPLY_CHAIN_SYNC,
    attempted,
    reopened,
)
from shared.tasks import DISPATCH_DEADLINE
from tests.unit.supply_chain.examples import NOW, event

REQUEST = timedelta(seconds=REQUEST_SECONDS)


@pytest.fixture(scope="module")
def topology() -> Topology:
    return load()


@pytest.fixture(scope="module")
def pauses(topology: Topology) -> tuple[timedelta, timedelta]:
    """The shortest and the longest pause between two attempts."""
    queue = topology.queues[SUPPLY_CHAIN_SYNC.name]
    return timedelta(seconds=seconds(queue.min_backoff)), timedelta(seconds=seconds(queue.max_backoff))


@pytest.fixture(scope="module")
def timeout(topology: Topology) -> timedelta:
    """What an attempt takes at most."""
    return timedelta(seconds=topology.functions[SUPPLY_CHAIN_SYNC.function].timeout)


def test_the_queue_is_the_deployed_one(topology: Topology) -> None:
    queue = topology.queues[SUPPLY_CHAIN_SYNC.name]
    assert (queue.target, queue.max_attempts) == (SUPPLY_CHAIN_SYNC.function, SUPPLY_CHAIN_SYNC.max_attempts)


def test_nobody_looks_for_a_task_that_only_pauses(
    pauses: tuple[timedelta, timedelta], timeout: timedelta
) -> None:
    assert pauses[1] + timeout < NEXT_ATTEMPT_WITHIN


def test_nobody_buries_an_event_whose_last_attempt_is_still_at_work(timeout: timedelta) -> None:
    assert timeout < LAST_ATTEMPT_ENDS_WITHIN
    assert timeout < DISPATCH_DEADLINE


def test_a_request_and_the_question_after_a_conflict_both_end_while_the_lane_is_held(
    timeout: timedelta,
) -> None:
    assert 2 * REQUEST < HELD < timeout


def test_an_attempt_that_was_killed_does_not_cost_the_next_one(pauses: tuple[timedelta, timedelta]) -> None:
    assert pauses[0] > HELD


def test_a_first_attempt_is_not_missed_before_a_lane_can_have_been_in_its_way() -> None:
    assert FIRST_ATTEMPT_WITHIN > HELD


@pytest.mark.parametrize("number", range(1, SUPPLY_CHAIN_SYNC.max_attempts))
def test_between_attempts_the_sweeper_waits_for_the_next_one(number: int) -> None:
    assert attempted(number, NOW) == {"attempts": number, "deadline": NOW + NEXT_ATTEMPT_WITHIN}


def test_after_the_last_attempt_the_sweeper_comes_soon() -> None:
    last = SUPPLY_CHAIN_SYNC.max_attempts
    assert attempted(last, NOW) == {"attempts": last, "deadline": NOW + LAST_ATTEMPT_ENDS_WITHIN}


def test_an_event_begun_anew_is_as_if_never_tried() -> None:
    fields = reopened(2, NOW)
    assert (fields["status"], fields["series"], fields["attempts"]) == ("pending", 2, 0)
    assert fields["deadline"] == NOW + FIRST_ATTEMPT_WITHIN


@pytest.mark.parametrize(
    ("left", "enough"), [(HELD, True), (REQUEST, False), (REQUEST / 2, False), (-REQUEST, False)]
)
def test_nothing_is_sent_that_could_outlast_the_lane(left: timedelta, enough: bool) -> None:
    held = Held(event(), until=NOW + left, update_time=None)
    assert held.outlasts_a_request(NOW) is enough
