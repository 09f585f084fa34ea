"""How an attempt at a task ends: done, tried again, or kept as a dead letter, and never lost."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import ServiceUnavailable
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from shared import trace
from shared.auth import Authenticator
from shared.dead_letters import DeadLetter
from shared.errors import PermanentError, TransientError
from shared.settings import Settings
from shared.tasks import MAX_TASK_BYTES, Attempt, Queue, TaskHandler
from tests.unit.shared.issuer import Issuer


class Push(BaseModel):
    model_config = ConfigDict(extra="forbid")

    return_id: str


PUSHES = Queue("pushes", "push-return", Push, max_attempts=3)
BODY = {"return_id": "R-1"}
TASK = "0a1b2c"


async def succeed(payload: Push) -> None: ...


@dataclass
class KeptLetters:
    """Stands in for the dead letters' collection."""

    letters: list[DeadLetter] = field(default_factory=list)
    outage: Exception | None = None

    async def add(self, letter: DeadLetter) -> None:
        if self.outage:
            raise self.outage
        self.letters.append(letter)


@dataclass
class World:
    """One queue's function, which runs ``work``."""

    config: Settings
    platform: Issuer
    dead: KeptLetters = field(default_factory=KeptLetters)
    work: Callable[[Push], Awaitable[None]] = succeed

    def token(self, **claims: Any) -> str:
        account = {"email": self.config.tasks_service_account, "email_verified": True}
        return self.platform.token(aud=self.config.function_url(PUSHES.function), **account | claims)

    def failing(self, error: Exception) -> None:
        async def fail(payload: Push) -> None:
            raise error

        self.work = fail

    async def deliver(
        self,
        body: object = BODY,
        *,
        retries: int | str = 0,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Deliver a task as Cloud Tasks does, after ``retries`` failed attempts; ``bytes`` are sent as they are."""
        handler = TaskHandler(
            PUSHES,
            lambda payload, _: self.work(payload),
            auth=Authenticator(self.config),
            dead_letters=self.dead,  # type: ignore[arg-type]
            service_account=self.config.tasks_service_account,
        )
        sent = {
            "Authorization": f"Bearer {token or self.token()}",
            "X-CloudTasks-QueueName": PUSHES.name,
            "X-CloudTasks-TaskName": TASK,
            "X-CloudTasks-TaskRetryCount": str(retries),
            "X-CloudTasks-TaskExecutionCount": "0",
        }
        transport = httpx.ASGITransport(app=handler.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://push") as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await client.post("/", content=content, headers=sent | (headers or {}))


@pytest.fixture
def world(config: Settings, platform: Issuer) -> World:
    return World(config, platform)


async def test_work_that_returns_is_done(world: World) -> None:
    seen: list[Push] = []

    async def note(payload: Push) -> None:
        seen.append(payload)

    world.work = note
    answer = await world.deliver()
    assert (answer.status_code, answer.json()) == (200, {"outcome": "done"})
    assert seen == [Push(return_id="R-1")]
    assert not world.dead.letters


FAILURES = [TransientError("later"), ServiceUnavailable("later"), RuntimeError("a bug"), TimeoutError()]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize("retries", [0, 1])
async def test_work_that_fails_is_tried_again_without_slowing_its_queue(
    world: World, failure: Exception, retries: int
) -> None:
    world.failing(failure)
    answer = await world.deliver(retries=retries)
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers
    assert not world.dead.letters


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize("retries", [2, 3])
async def test_the_last_attempt_leaves_a_dead_letter(world: World, failure: Exception, retries: int) -> None:
    world.failing(failure)
    answer = await world.deliver(retries=retries)
    assert (answer.status_code, answer.json()) == (200, {"outcome": "dead"})
    (letter,) = world.dead.letters
    assert letter == DeadLetter(
        key=TASK,
        queue="pushes",
        function="push-return",
        payload=BODY,
        error=str(failure) or repr(failure),
        attempts=retries + 1,
    )


async def test_work_that_can_never_succeed_is_a_dead_letter_at_once(world: World) -> None:
    world.failing(PermanentError("no such account"))
    answer = await world.deliver()
    assert (answer.status_code, answer.json()) == (200, {"outcome": "dead"})
    (letter,) = world.dead.letters
    assert (letter.error, letter.attempts) == ("no such account", 1)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"return_id": 7}, {"return_id": 7}),
        ({**BODY, "colour": "red"}, {**BODY, "colour": "red"}),
        ([1, 2], {"text": "[1, 2]"}),
        (b"{nonsense", {"text": "{nonsense"}),
        (b"", {"text": ""}),
        (b"\xff", {"text": "\ufffd"}),
    ],
)
async def test_a_task_that_cannot_be_read_is_a_dead_letter_with_what_it_said(
    world: World, body: object, kept: dict[str, object]
) -> None:
    answer = await world.deliver(body)
    assert (answer.status_code, answer.json()) == (200, {"outcome": "dead"})
    (letter,) = world.dead.letters
    assert letter.payload == kept


async def test_a_dead_letter_that_cannot_be_kept_keeps_the_task(world: World) -> None:
    world.dead.outage = ServiceUnavailable("no database")
    world.failing(PermanentError("never"))
    assert (await world.deliver()).status_code >= 500


async def test_a_task_without_a_name_has_its_content_as_key(world: World) -> None:
    world.failing(PermanentError("never"))
    for body in (BODY, BODY, {"return_id": "R-2"}):
        await world.deliver(body, headers={"X-CloudTasks-TaskName": ""})
    first, again, other = world.dead.letters
    assert first.key == again.key != other.key


async def test_the_work_goes_on_in_the_trace_of_who_enqueued_it(world: World) -> None:
    traces: list[str] = []

    async def note(payload: Push) -> None:
        traces.append(trace.current())

    world.work = note
    await world.deliver(headers={"traceparent": f"00-{'7' * 32}-{'1' * 16}-01"})
    assert traces == ["7" * 32]


async def test_nobody_else_can_make_it_work(world: World, users: Issuer) -> None:
    async def never(payload: Push) -> None:
        pytest.fail("the work ran")

    world.work = never
    audience = world.config.function_url(PUSHES.function)
    scheduler = world.token(email=world.config.scheduler_service_account)
    assert (await world.deliver(token=users.token(aud=audience, roles=["ops"]))).status_code == 401
    assert (await world.deliver(token=scheduler)).status_code == 403
    assert (await world.deliver(b"nonsense", token="x")).status_code == 401
    assert not world.dead.letters


async def test_a_body_larger_than_any_task_is_refused(world: World) -> None:
    assert (await world.deliver(b" " * (MAX_TASK_BYTES + 1))).status_code == 413


def attempt(**headers: str) -> Attempt:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Attempt.of(Request({"type": "http", "headers": pairs}), max_attempts=3)


@pytest.mark.parametrize("count", ["", "-1", "many", "1.5", "\xb2"])
def test_a_retry_count_that_is_no_number_is_the_first_attempt(count: str) -> None:
    assert attempt(**{"x-cloudtasks-taskretrycount": count}).number == 1


def test_without_cloud_tasks_headers_it_is_the_first_attempt_of_no_task() -> None:
    assert attempt() == Attempt("", 1, 3)


@given(st.integers(0, 1_000), st.integers(1, 100))
def test_of_all_attempts_exactly_the_last_one_allowed_is_the_last(retries: int, allowed: int) -> None:
    number = Attempt("t", retries + 1, allowed)
    assert number.is_last == (retries + 1 >= allowed)
