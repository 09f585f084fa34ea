"""What a stop or a death of the local cloud leaves behind."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.integration.local.eventarc.conftest import Event, Source, StartCloud, ids
from tests.integration.local.tasks.handler import Handler


class Killed(BaseException):
    """The process dies here."""


class SourceThatDies(Source):
    """Its process dies when the events have been taken over and not been forgotten yet."""

    def forget(self, ids: Collection[str]) -> None:
        raise Killed


async def test_a_delivery_that_was_cut_off_happens_again(
    tmp_path: Path, function: Handler, start_cloud: StartCloud
) -> None:
    function.before_answer = asyncio.Event().wait
    before = await start_cloud(tmp_path / "events.sqlite", Source())
    before.tell(Event("e1"))
    await function.arrived(1)
    await before.service.close()
    function.before_answer = None
    after = await start_cloud(tmp_path / "events.sqlite", Source())
    assert await after.service.idle(5)
    assert ids(function) == ["e1", "e1"]


async def test_an_event_that_waits_is_remembered_with_its_failures(
    tmp_path: Path, function: Handler, start_cloud: StartCloud
) -> None:
    function.answers.extend([500, 500])
    before = await start_cloud(tmp_path / "events.sqlite", Source())
    before.tell(Event("e1"))
    assert await before.service.idle(5)
    await before.advance_to_next()
    owed = before.service.owed()
    await before.service.close()
    after = await start_cloud(tmp_path / "events.sqlite", Source())
    assert after.service.owed() == owed
    await after.settle()
    assert ids(function) == ["e1"] * 3


async def test_events_that_came_while_nobody_ran_are_taken_at_the_start(
    function: Handler, start_cloud: StartCloud
) -> None:
    source = Source()
    source.kept.extend(Event(f"e{number}") for number in range(501))
    cloud = await start_cloud(None, source)
    assert source.kept == []
    assert await cloud.service.idle(20)
    assert len(set(ids(function))) == 501


async def test_a_death_between_the_two_files_neither_loses_nor_doubles(
    tmp_path: Path, function: Handler, start_cloud: StartCloud
) -> None:
    dying = SourceThatDies()
    before = await start_cloud(tmp_path / "events.sqlite", dying)
    with pytest.raises(Killed):
        before.tell(Event("e1"))
    await before.service.close()
    source = Source()
    source.kept = dying.kept
    after = await start_cloud(tmp_path / "events.sqlite", source)
    assert await after.service.idle(5)
    assert ids(function) == ["e1"]


async def test_deliveries_can_be_stopped_and_started_again(
    function: Handler, start_cloud: StartCloud
) -> None:
    cloud = await start_cloud(None, Source())
    await cloud.service.stop()
    cloud.tell(Event("e1"))
    assert not await cloud.service.idle(0)
    assert function.received == []
    await cloud.service.start()
    assert await cloud.service.idle(5)
    assert ids(function) == ["e1"]
