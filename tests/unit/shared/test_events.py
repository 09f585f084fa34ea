"""How an event of Cloud Storage ends: acknowledged, or to come again; and who may bring one."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import ServiceUnavailable
from pydantic import ValidationError

from shared.auth import Authenticator
from shared.errors import PermanentError, TransientError
from shared.events import FINALIZED, FinalizedHandler, StoredObject
from shared.settings import Settings
from tests.unit.shared.issuer import Issuer

FUNCTION, ACCOUNT = "shrink", "events@shop.iam.gserviceaccount.com"
# As Cloud Storage has it: numbers are text, and there is more than anybody needs.
OBJECT = {
    "kind": "storage#object",
    "bucket": "uploads",
    "name": "products/p1/i1",
    "generation": "1763600000000000",
    "metageneration": "1",
    "size": "1234",
    "contentType": "image/png",
    "timeCreated": "2026-11-20T11:59:58.250Z",
}
ATTRIBUTES = {
    "id": "7",
    "source": "//storage.googleapis.com/projects/_/buckets/uploads",
    "specversion": "1.0",
    "type": FINALIZED,
    "subject": "objects/products/p1/i1",
    "time": "2026-11-20T12:00:00Z",
}
JSON = {"Content-Type": "application/json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def binary(**changes: str | None) -> dict[str, str]:
    """The headers of an event whose body is its data, with ``changes``; an attribute that is None is left out."""
    attributes = {**ATTRIBUTES, **changes}
    return JSON | {f"ce-{name}": value for name, value in attributes.items() if value is not None}


@dataclass
class World:
    """A function to which new objects are announced; it remembers them, or fails."""

    config: Settings
    platform: Issuer
    failure: Exception | None = None
    seen: list[StoredObject] = field(default_factory=list)

    def token(self, **claims: Any) -> str:
        own = {"aud": self.config.function_url(FUNCTION), "email": ACCOUNT, "email_verified": True}
        return self.platform.token(**own | claims)

    async def _run(self, stored: StoredObject) -> None:
        self.seen.append(stored)
        if self.failure:
            raise self.failure

    async def deliver(
        self,
        body: object = OBJECT,
        headers: dict[str, str] | None = None,
        authorization: str | None = None,
    ) -> httpx.Response:
        """Deliver an event as Eventarc does; ``bytes`` are sent as they are."""
        handler = FinalizedHandler(
            FUNCTION, self._run, auth=Authenticator(self.config), service_account=ACCOUNT
        )
        sent = {"Authorization": f"Bearer {self.token()}" if authorization is None else authorization}
        transport = httpx.ASGITransport(app=handler.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://shrink") as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await client.post("/", content=content, headers=sent | (headers or binary()))


@pytest.fixture
def world(config: Settings, platform: Issuer) -> World:
    return World(config, platform)


STORED = StoredObject(
    bucket="uploads",
    name="products/p1/i1",
    generation=1763600000000000,
    size=1234,
    time_created=datetime(2026, 11, 20, 11, 59, 58, 250_000, tzinfo=UTC),
)


async def test_an_event_is_acknowledged_when_its_work_is_done(world: World) -> None:
    answer = await world.deliver()
    assert (answer.status_code, answer.json()) == (200, {"outcome": "done"})
    assert world.seen == [STORED]


async def test_an_event_may_come_whole_in_its_body(world: World) -> None:
    event = ATTRIBUTES | {"datacontenttype": "application/json", "data": OBJECT}
    answer = await world.deliver(event, STRUCTURED)
    assert answer.status_code == 200
    assert world.seen == [STORED]


def a_validation_error() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        StoredObject.model_validate({})
    return caught.value


FAILURES = [
    TransientError("later"),
    ServiceUnavailable("later"),
    PermanentError("never"),
    RuntimeError("a bug"),
    TimeoutError(),
    # Of something else than the event.
    a_validation_error(),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_whatever_its_work_raises_it_comes_again(world: World, failure: Exception) -> None:
    world.failure = failure
    answer = await world.deliver()
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:backstock:problem:event-failed"


@pytest.mark.parametrize("kind", ["deleted", "archived", "metadataUpdated"])
async def test_what_nobody_asked_for_is_acknowledged_and_left(world: World, kind: str) -> None:
    answer = await world.deliver(headers=binary(type=f"google.cloud.storage.object.v1.{kind}"))
    assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})
    assert world.seen == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (OBJECT, JSON),
        *((OBJECT, binary(**{name: None})) for name in ("id", "source", "specversion", "type")),
        (OBJECT, binary(specversion="9")),
        (b"{nonsense", STRUCTURED),
        (b"\xff\xfe", STRUCTURED),
        (ATTRIBUTES | {"specversion": "9"}, STRUCTURED),
        ([1], STRUCTURED),
        (None, STRUCTURED),
        (b"", STRUCTURED),
        ({}, STRUCTURED),
    ],
    ids=lambda part: str(part)[:60],
)
async def test_what_is_no_event_is_refused(world: World, body: object, headers: dict[str, str]) -> None:
    answer = await world.deliver(body, headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:backstock:problem:malformed-event")
    assert world.seen == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"bucket": None}, ["bucket"]),
        ({"generation": "many"}, ["generation"]),
        ({"generation": "0", "size": "-1"}, ["generation", "size"]),
    ],
    ids=str,
)
async def test_an_event_about_what_is_no_object_is_refused(
    world: World, changes: dict[str, Any], fields: list[str]
) -> None:
    answer = await world.deliver(OBJECT | changes)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert world.seen == []


@pytest.mark.parametrize("body", [b"", b"{nonsense", b"\xff\xfe", None, [1], "object"], ids=repr)
async def test_an_event_whose_data_is_nothing_of_the_kind_is_refused(world: World, body: object) -> None:
    assert (await world.deliver(body)).status_code == 422
    assert world.seen == []


async def test_a_body_larger_than_any_event_is_refused(world: World) -> None:
    assert (await world.deliver(b" " * (512 * 1024 + 1))).status_code == 413


async def test_only_the_triggers_account_may_announce_anything(world: World, users: Issuer) -> None:
    audience = world.config.function_url(FUNCTION)
    refused = {
        401: [
            "",
            "Bearer x",
            f"Bearer {users.token(aud=audience, roles=['ops'])}",
            f"Bearer {world.token(aud=world.config.function_url('another'))}",
        ],
        403: [
            f"Bearer {world.token(email=world.config.tasks_service_account)}",
            f"Bearer {world.token(email_verified=False)}",
        ],
    }
    for status, authorizations in refused.items():
        for authorization in authorizations:
            assert (await world.deliver(authorization=authorization)).status_code == status, authorization
    # Who may not call is not told what is wrong with the event.
    assert (await world.deliver(b"nonsense", authorization="Bearer x")).status_code == 401
    assert world.seen == []
