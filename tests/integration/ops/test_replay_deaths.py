"""A replay that dies at any line, or whose answers are lost, is made good by the sweeper or by being repeated."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from functions.ops.actions import Actions
from functions.ops.dead_letters import Letters
from functions.ops.replay import Replays
from functions.ops.sweeper import Sweeper
from infra.local.clock import Clock
from shared.dead_letters import DeadLetter, DeadLetters
from shared.outbox import Outbox, ProductEvent
from shared.problems import Problem
from tests.integration.steps import FakeQueues, FirestoreServer, Workshop, gate


class Queues(FakeQueues):
    """Cloud Tasks, which also takes tasks as text."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[str, bytes] = {}

    async def put_back(self, queue: str, function: str, body: bytes, *, key: str) -> bool:
        await gate()
        added = self.bodies.setdefault(key, body) is body
        await gate()
        return added


@dataclass
class Desk:
    """One letter, and all that a replay of it touches."""

    db: AsyncClient
    clock: Clock
    queues: Queues
    letter: DeadLetter

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.db, self.clock.now)

    @property
    def actions(self) -> Actions:
        return Actions(self.db, self.clock.now)

    @property
    def letters(self) -> Letters:
        return Letters(self.db, self.clock.now, self.actions)

    async def replay(self) -> None:
        queues: Any = self.queues
        replays = Replays(self.db, self.letters, self.outbox, queues, self.clock.now, self.actions)
        await replays.one(self.letter.id, "olga")

    async def replay_again(self) -> None:
        """What an operator does who has had no answer."""
        try:
            await self.replay()
        except Problem as problem:
            if problem.kind != "not-open":
                raise

    async def sweep(self) -> None:
        self.clock.advance(180)
        await Sweeper(self.outbox, self.queues, self.clock.now).sweep()  # type: ignore[arg-type]

    async def status(self) -> str:
        return (await self.letters.get(self.letter.id)).closing.status


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    await server.stop()


EVENT = ProductEvent(product_id="P1", version=3)


async def dead_event(server: FirestoreServer) -> Desk:
    """A desk with the letter of an event."""
    key = f"{EVENT.event_id}/0"
    letter = DeadLetter(key, "supplyChainSync", "supply-chain-sync", {}, "", 19, EVENT.event_id)
    desk = Desk(server.database(), server.clock, Queues(), letter)
    batch = desk.db.batch()
    desk.outbox.write(batch, EVENT, "product:updated", "sally", "w1")
    await batch.commit()
    event = await desk.outbox.get(EVENT.event_id)
    assert event
    assert await desk.outbox.bury(event, "refused")
    return desk


async def dead_task(server: FirestoreServer) -> Desk:
    """A desk with the letter of a task that is no event."""
    letter = DeadLetter("task-1", "returnSync", "return-updated-task-queue", {"page": 7}, "too late", 10)
    desk = Desk(server.database(), server.clock, Queues(), letter)
    await DeadLetters(desk.db, server.clock.now).add(letter)
    return desk


async def dies_after(steps: int, replay: Callable[[], Awaitable[None]]) -> bool:
    """Whether a replay that may go ``steps`` steps is killed before its end."""
    workshop = Workshop()
    await workshop.begin("replay", replay)
    for _ in range(steps):
        if workshop.works:
            await workshop.step(workshop.works[0])
    if not workshop.works:
        return False
    await workshop.kill(workshop.works[0])
    return True


async def test_an_event_is_tried_again_wherever_its_replay_dies(server: FirestoreServer) -> None:
    steps, died = 0, True
    while died:
        desk = await dead_event(server)
        died = await dies_after(steps, desk.replay)
        await desk.replay_again()
        await desk.sweep()
        assert await desk.status() == "replayed", steps
        assert [task.payload for task in desk.queues.waiting] == [EVENT.model_copy(update={"series": 1})]
        steps += 1
    # Six calls to the outside, and it died before and after each.
    assert steps > 12


async def test_a_task_is_tried_again_wherever_its_replay_dies(server: FirestoreServer) -> None:
    steps, died = 0, True
    while died:
        desk = await dead_task(server)
        died = await dies_after(steps, desk.replay)
        await desk.replay_again()
        assert await desk.status() == "replayed", steps
        assert list(desk.queues.bodies.values()) == [b'{"page":7}']
        steps += 1
    assert steps > 10


class CommitsTwice:
    """A client that lost the answer to its commit and makes it again."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def commit(self, *args: Any, **kwargs: Any) -> Any:
        await self._api.commit(*args, **kwargs)
        return await self._api.commit(*args, **kwargs)


@pytest.mark.parametrize("dead", [dead_event, dead_task])
async def test_a_commit_that_is_made_twice_counts_as_one(
    server: FirestoreServer, dead: Callable[[FirestoreServer], Awaitable[Desk]]
) -> None:
    desk = await dead(server)
    desk.db._firestore_api_internal = CommitsTwice(desk.db._firestore_api)
    await desk.replay()
    assert await desk.status() == "replayed"
    assert len(desk.queues.waiting) + len(desk.queues.bodies) == 1


async def test_an_event_that_others_are_changing_is_left_for_later(server: FirestoreServer) -> None:
    desk = await dead_event(server)
    workshop = Workshop()
    await workshop.begin("replay", desk.replay)
    # The audit log has its entry and both have been read when somebody else writes to the event.
    for _ in range(6):
        await workshop.step(workshop.works[0])
    await desk.outbox.document(EVENT.event_id).update({"error": "another word for it"})
    while workshop.works:
        await workshop.step(workshop.works[0])
    assert await desk.status() == "open"
    event = await desk.outbox.get(EVENT.event_id)
    assert event
    assert (event.status, desk.queues.waiting) == ("dead", [])
