"""What follows from a latch as it was read. What happens to it meanwhile: tests/integration/shared."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from shared.latch import Latch, LatchState

NOW = datetime(2026, 10, 30, 8, tzinfo=UTC)

states = st.builds(
    LatchState,
    members=st.none() | st.integers(0, 5),
    arrived=st.integers(0, 6),
    released=st.booleans(),
    deadline=st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(lambda delta: NOW + delta),
    update_time=st.none(),
)


@pytest.fixture(scope="module")
def db() -> Iterator[AsyncClient]:
    """A client that is never connected: writes are only put together."""
    return AsyncClient(project="shop", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]


@given(states)
def test_before_it_is_sealed_it_is_never_complete(state: LatchState) -> None:
    assert state.members is not None or not state.complete


@given(states, st.integers(1, 5))
def test_arrivals_only_ever_complete_it(state: LatchState, more: int) -> None:
    later = LatchState(state.members, state.arrived + more, state.released, state.deadline, state.update_time)
    assert later.complete or not state.complete


@given(states)
def test_a_complete_latch_is_never_overdue(state: LatchState) -> None:
    assert not (state.complete and state.overdue(NOW))


@given(states)
def test_an_incomplete_latch_is_overdue_from_its_deadline_on(state: LatchState) -> None:
    assert state.complete or state.overdue(NOW) == (state.deadline < NOW)


@given(state=states)
def test_only_a_complete_latch_is_released_and_once(db: AsyncClient, state: LatchState) -> None:
    batch = db.batch()
    try:
        Latch(db, "run-1").release(batch, state)
    except ValueError:
        assert state.released or not state.complete
        assert len(batch) == 0
    else:
        assert state.complete
        assert not state.released
        assert len(batch) == 1
