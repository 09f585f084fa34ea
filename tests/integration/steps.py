"""Work that can be run a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client. Every call that a piece of work makes to the outside
stops at a *gate*, once before it has an effect and once after; the test says whose gate opens next, or that the work
dies there.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import grpc
import pytest
from google.cloud.firestore import AsyncClient
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from pydantic import BaseModel

from infra.local.clock import Clock
from infra.local.firestore.service import FirestoreService
from infra.local.firestore.usage import Usage
from infra.local.provision import production_indexes
from infra.topology import load
from shared.errors import TransientError
from shared.tasks import Queue

T = TypeVar("T")


@dataclass
class Work:
    """One delivery of a task, or one call of the cron, on its way from gate to gate."""

    name: str
    running: asyncio.Task[None] | None = None
    # More than one where the work does several things at once.
    gates: list[asyncio.Future[None]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    dead: bool = False

    async def pause(self) -> None:
        """Stop here until the test opens the gate."""
        if self.dead:
            # The dead do nothing more, not even what clients do on their way out, such as to roll back.
            raise asyncio.CancelledError
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        self.arrived.set()
        await gate


_work: ContextVar[Work | None] = ContextVar("work", default=None)


async def gate() -> None:
    """Stop, if this is work under the test's control."""
    if work := _work.get():
        await work.pause()


class Gated:
    """An object whose coroutine methods stop at a gate before and after they take effect."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not callable(method):
            return method

        async def gated(*args: Any, **kwargs: Any) -> Any:
            await gate()
            result = await method(*args, **kwargs)
            await gate()
            return result

        return gated


@dataclass(frozen=True)
class Task:
    queue: str
    payload: BaseModel


class FakeQueues:
    """Cloud Tasks as the product sees it: remembers keys, and hands tasks to the test."""

    def __init__(self) -> None:
        self.waiting: list[Task] = []
        # How many there have been.
        self.enqueued = 0
        self._keys: set[str] = set()

    def forget(self) -> None:
        """A day passes: names of ended tasks are free again."""
        self._keys.clear()

    async def enqueue(
        self, queue: Queue[Any], payload: BaseModel, *, key: str, not_before: datetime | None = None
    ) -> bool:
        await gate()
        added = key not in self._keys
        if added:
            self._keys.add(key)
            self.enqueued += 1
            self.waiting.append(Task(queue.name, payload))
        await gate()
        return added


class FirestoreServer:
    """The local Firestore, served inside the test's own event loop. It refuses queries that production would."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        usage = Usage.from_environment(os.environ)
        self.service = FirestoreService(None, clock, production=production_indexes(load()), usage=usage)
        self._databases = 0

    async def start(self) -> None:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers([self.service.handler()])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)
        self.service.close()

    def database(self) -> AsyncClient:
        """An empty database, a project of its own. To be called inside the loop that serves.

        What the product uses goes through gates; what the test itself looks at does not pass any.
        """
        self._databases += 1
        db = AsyncClient(project=f"world-{self._databases}")
        db._firestore_api_internal = Gated(db._firestore_api)
        return db


class Workshop:
    """All work that is under way."""

    def __init__(self) -> None:
        self.works: list[Work] = []

    async def begin(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Begin a piece of work, which goes to its first gate. A transient error may end it."""
        work = Work(name)

        async def controlled() -> None:
            _work.set(work)
            try:
                await run()
            except TransientError:
                pass
            finally:
                work.arrived.set()

        work.running = asyncio.create_task(controlled())
        self.works.append(work)
        await self._until_gate(work)

    async def step(self, work: Work) -> None:
        """Let ``work`` go on to its next gate or to its end."""
        work.gates.pop(0).set_result(None)
        if not work.gates:
            work.arrived.clear()
        await self._until_gate(work)

    async def finish(self) -> None:
        """Let everything under way come to its end."""
        while self.works:
            await self.step(self.works[0])

    async def to_its_end(self, work: Work) -> None:
        """Let ``work`` end, and nobody else go on."""
        while work in self.works:
            await self.step(work)

    async def kill(self, work: Work) -> None:
        """``work`` dies where it stands."""
        assert work.running is not None
        work.dead = True
        work.running.cancel()
        await asyncio.wait([work.running])
        for gate in work.gates:
            gate.cancel()
        self.works.remove(work)

    async def _until_gate(self, work: Work) -> None:
        await work.arrived.wait()
        if not work.gates:
            assert work.running is not None
            await asyncio.wait([work.running])
            self.works.remove(work)
            if not work.running.cancelled() and (error := work.running.exception()):
                raise error


# Which of those that there are; taken modulo their number.
any_of_them = st.integers(0, 99)
# Through how many gates a piece of work goes before something else happens.
TO_ITS_END = 99
how_far = st.one_of(st.integers(0, 20), st.just(TO_ITS_END))


class Machine(RuleBasedStateMachine):
    """A state machine over a world, in the event loop that serves the world's database.

    Whatever work there is in ``world`` goes on and dies as Hypothesis draws it.
    """

    loop: ClassVar[asyncio.AbstractEventLoop]
    world: Any

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run what the world does."""
        return self.loop.run_until_complete(coroutine)

    @precondition(lambda self: self.world.works)
    @rule(which=any_of_them, steps=how_far)
    def work_goes_on(self, which: int, steps: int) -> None:
        self._go_on(self.world.works[which % len(self.world.works)], steps)

    @precondition(lambda self: self.world.works)
    @rule(which=any_of_them)
    def work_dies(self, which: int) -> None:
        self.do(self.world.kill(self.world.works[which % len(self.world.works)]))

    @rule()
    def all_work_comes_to_its_end(self) -> None:
        self.do(self.world.run_all())

    def latest_goes_on(self, steps: int) -> None:
        """Let what was begun last go through some gates."""
        if self.world.works:
            self._go_on(self.world.works[-1], steps)

    def _go_on(self, work: Work, steps: int) -> None:
        for _ in range(steps):
            if work in self.world.works:
                self.do(self.world.step(work))


@contextmanager
def serving(machine: type[Machine], server: FirestoreServer) -> Iterator[pytest.MonkeyPatch]:
    """Serve the database of ``machine``'s worlds; yields a patch that is undone at the end."""
    machine.loop = asyncio.new_event_loop()
    machine.loop.run_until_complete(server.start())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
        yield patch
    machine.loop.run_until_complete(server.stop())
    machine.loop.close()
