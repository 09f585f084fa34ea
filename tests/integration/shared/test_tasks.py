"""Both ends of a queue: what is enqueued once per key, and how its handler's answers settle it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from google.cloud import tasks_v2
from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from infra.local.cloud import Cloud
from infra.local.functions_host import server
from infra.local.http_server import address_of, local_socket
from shared import clients, trace
from shared.auth import Authenticator
from shared.dead_letters import DeadLetters
from shared.errors import PermanentError, TransientError
from shared.settings import Settings, settings
from shared.tasks import DISPATCH_DEADLINE, Queue, TaskHandler, TaskQueues


class Push(BaseModel):
    return_id: str


PUSHES = Queue("pushes", "push-return", Push, max_attempts=3)
R1 = Push(return_id="R-1")


@dataclass
class World:
    """A queue, and the function behind it on a port of its own."""

    cloud: Cloud
    config: Settings
    client: tasks_v2.CloudTasksAsyncClient
    queues: TaskQueues
    seen: list[Push] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def work(self, payload: Push) -> None:
        self.seen.append(payload)
        self.traces.append(trace.current())
        if self.failure:
            raise self.failure

    @property
    def queue_name(self) -> str:
        return self.client.queue_path(self.config.google_cloud_project, self.config.region, PUSHES.name)

    async def waiting(self) -> list[tasks_v2.Task]:
        request = {"parent": self.queue_name, "response_view": tasks_v2.Task.View.FULL}
        return [task async for task in await self.client.list_tasks(request=request)]

    async def settle(self) -> None:
        """Deliver all there is, moving the clock to whatever is due later (these retries wait milliseconds)."""
        await self.cloud.start_deliveries()
        assert await self.cloud.tasks.idle(5)
        while due := self.cloud.tasks.next_due():
            self.cloud.clock.advance(max(0.0, due.timestamp() - self.cloud.clock.time()))
            assert await self.cloud.tasks.idle(5)


@pytest.fixture
async def world(cloud: Cloud, db: AsyncClient) -> AsyncIterator[World]:
    listener = local_socket()
    config = settings().model_copy(update={"base_url": f"http://{address_of(listener)}"})
    client = clients.cloud_tasks()
    world = World(cloud, config, client, TaskQueues(lambda: client, config))
    await client.create_queue(
        parent=world.queue_name.rpartition("/queues/")[0],
        queue={
            "name": world.queue_name,
            "retry_config": {
                "max_attempts": PUSHES.max_attempts,
                "min_backoff": timedelta(milliseconds=1),
                "max_backoff": timedelta(milliseconds=5),
            },
        },
    )
    handler = TaskHandler(
        PUSHES,
        lambda payload, _: world.work(payload),
        auth=Authenticator(config),
        dead_letters=DeadLetters(db),
        service_account=config.tasks_service_account,
    )
    web_server = server(below(f"/{PUSHES.function}", handler.app()))
    serving = asyncio.create_task(web_server.serve(sockets=[listener]))
    yield world
    web_server.should_exit = True
    await serving
    await client.transport.close()


def below(path: str, app: Any) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """``app`` at ``path``, which it does not see: the shape of cloudfunctions.net."""

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == path
        await app({**scope, "path": "/"}, receive, send)

    return mounted


async def dead(db: AsyncClient) -> list[dict[str, Any]]:
    return [snapshot.to_dict() or {} async for snapshot in db.collection("dead_letters").stream()]


async def test_a_task_carries_its_payload_its_trace_and_the_platforms_identity(world: World) -> None:
    current = trace.adopt({})
    assert await world.queues.enqueue(PUSHES, R1, key="R-1")
    (task,) = await world.waiting()
    http = task.http_request
    assert http.http_method == tasks_v2.HttpMethod.POST
    assert http.url == world.config.function_url("push-return")
    assert http.body == b'{"return_id":"R-1"}'
    assert http.headers["Content-Type"] == "application/json"
    assert http.headers["traceparent"].split("-")[1] == current
    assert http.oidc_token.audience == http.url
    assert http.oidc_token.service_account_email == world.config.tasks_service_account
    assert task.dispatch_deadline == DISPATCH_DEADLINE


async def test_a_key_is_enqueued_once_even_by_many_at_once(world: World) -> None:
    added = await asyncio.gather(*(world.queues.enqueue(PUSHES, R1, key="R-1") for _ in range(10)))
    assert added.count(True) == 1
    assert len(await world.waiting()) == 1


async def test_a_key_stays_taken_when_its_task_is_done(world: World) -> None:
    await world.queues.enqueue(PUSHES, R1, key="R-1")
    await world.settle()
    assert not await world.queues.enqueue(PUSHES, R1, key="R-1")
    await world.settle()
    assert world.seen == [R1]


async def test_any_text_can_be_a_key(world: World) -> None:
    for key in ("a/b", "a b", "ü" * 600, ""):
        assert await world.queues.enqueue(PUSHES, R1, key=key)
    assert len(await world.waiting()) == 4


async def test_what_is_enqueued_arrives_in_its_trace(world: World, db: AsyncClient) -> None:
    current = trace.adopt({})
    await world.queues.enqueue(PUSHES, R1, key="R-1")
    await world.settle()
    assert (world.seen, world.traces) == ([R1], [current])
    assert await dead(db) == []


async def test_what_fails_is_tried_as_often_as_allowed_and_then_kept(world: World, db: AsyncClient) -> None:
    world.failure = TransientError("later")
    current = trace.adopt({})
    await world.queues.enqueue(PUSHES, R1, key="R-1")
    await world.settle()
    assert len(world.seen) == PUSHES.max_attempts
    (letter,) = await dead(db)
    assert (letter["attempts"], letter["payload"], letter["trace"]) == (3, '{"return_id":"R-1"}', current)
    assert await world.waiting() == []


async def test_what_can_never_succeed_is_tried_once_and_kept(world: World, db: AsyncClient) -> None:
    world.failure = PermanentError("no such account")
    await world.queues.enqueue(PUSHES, R1, key="R-1")
    await world.settle()
    assert len(world.seen) == 1
    (letter,) = await dead(db)
    assert letter["error"] == "no such account"
