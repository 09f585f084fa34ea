"""What the partner takes, what it refuses, and that it never goes back."""

import asyncio
import io
import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Partner, deletion, event, serving

_MIB = 1024 * 1024


async def test_a_version_is_kept_and_shown(partner: Partner) -> None:
    created = await partner.post(event("p1", 1))
    updated = await partner.post(event("p1", 4))

    assert (created.status, created.json) == (201, {"id": "p1", "version": 1})
    assert (updated.status, updated.json) == (200, {"id": "p1", "version": 4})
    shown = await partner.get("p1")
    assert shown.status == 200
    taken_at = datetime.fromisoformat(shown.json.pop("updated_at"))
    assert abs((taken_at - partner.clock.now()).total_seconds()) < 60
    product = event("p1", 4)["product"]
    assert shown.json == {"id": "p1", "version": 4, "deleted": False, "product": product}


async def test_a_deletion_is_a_version_like_any_other(partner: Partner) -> None:
    await partner.post(event("p1", 1))
    assert (await partner.post(deletion("p1", 2))).status == 200

    shown = (await partner.get("p1")).json
    assert (shown["version"], shown["deleted"], shown["product"]) == (2, True, None)
    assert (await partner.post(event("p1", 1), key="late")).status == 409
    assert (await partner.post(event("p1", 3))).status == 200


async def test_a_product_that_never_came_is_not_there(partner: Partner) -> None:
    assert (await partner.get("p1")).status == 404


async def test_an_older_version_is_refused_with_the_version_that_is_there(partner: Partner) -> None:
    await partner.post(event("p1", 5))
    refused = await partner.post(event("p1", 4))

    assert (refused.status, refused.json["version"]) == (409, 5)
    assert (await partner.get("p1")).json["version"] == 5


async def test_a_repeated_key_gets_its_first_answer_though_newer_versions_came(partner: Partner) -> None:
    first = await partner.post(event("p1", 1))
    await partner.post(event("p1", 2))
    again = await partner.post(event("p1", 1))

    assert (again.status, again.json) == (first.status, first.json)
    assert (await partner.get("p1")).json["version"] == 2
    assert (partner.service.stats["applied"], partner.service.stats["replayed"]) == (2, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"type": "product:updated"},
        {"product": {}},
        {"occurred_at": "2026-03-01T10:00:01Z"},
    ],
)
async def test_a_key_with_another_body_is_refused(partner: Partner, changes: dict[str, Any]) -> None:
    await partner.post(event("p1", 1))
    refused = await partner.post({**event("p1", 1), **changes}, "p1:1")

    assert refused.status == 422
    assert (await partner.get("p1")).json["version"] == 1


async def test_a_refused_key_is_free_for_a_better_body(partner: Partner) -> None:
    await partner.post(event("p1", 5))
    assert (await partner.post(event("p1", 4), key="k")).status == 409
    assert (await partner.post(event("p1", 6), key="k")).status == 200


async def test_the_same_version_with_a_new_key_passes_only_with_the_same_content(partner: Partner) -> None:
    await partner.post(event("p1", 1))

    assert (await partner.post(event("p1", 1), key="another")).status == 200
    refused = await partner.post(event("p1", 1, product={"product_name": "Shoes"}), key="third")
    assert (refused.status, refused.json["version"]) == (409, 1)
    assert (await partner.get("p1")).json["product"] == event("p1", 1)["product"]


_POSTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4), st.sampled_from("xy")), max_size=12)


@settings(max_examples=25)
@given(_POSTS)
def test_the_latest_version_wins_in_any_order(posts: list[tuple[str, int, str]]) -> None:
    async def send() -> None:
        latest = {"a": 0, "b": 0}
        first_answers: dict[str, int] = {}
        older = 0
        async with serving() as partner:
            for product_id, version, sender in posts:
                key = f"{product_id}:{version}:{sender}"
                current = latest[product_id]
                fresh = 409 if version < current else 200 if current else 201
                answer = await partner.post(event(product_id, version), key)
                assert answer.status == first_answers.get(key, fresh)
                if answer.status != 409:
                    first_answers.setdefault(key, answer.status)
                latest[product_id] = max(version, current)
                older += version < current
                assert (await partner.get(product_id)).json["version"] == latest[product_id]
            assert partner.service.stats["older_after_newer"] == older

    asyncio.run(send())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'"\xff"', 400),
        (b'{"price": NaN}', 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"{}", 422),
    ],
)
async def test_what_is_no_message_is_refused(partner: Partner, body: bytes, status: int) -> None:
    headers = {"Idempotency-Key": "k"}
    answer = await partner.ask("POST", "/products/p1", data=body, headers=headers)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "p2"},
        {"id": 1},
        {"version": 0},
        {"version": "1"},
        {"version": 1.5},
        {"version": True},
        {"version": 2**63},
        {"version": 2**80},
        {"type": "product:moved"},
        {"type": "product:deleted"},
        {"product": None},
        {"product": []},
        {"occurred_at": "yesterday"},
        {"occurred_at": "2026-03-01T10:00:00"},
        {"occurred_at": 1},
        {"account": "shop"},
    ],
)
async def test_a_wrong_message_is_refused_by_the_name_of_its_fault(
    partner: Partner, changes: dict[str, Any]
) -> None:
    answer = await partner.post({**event("p1", 1), **changes}, key="k", path="/products/p1")
    assert answer.status == 422
    assert next(iter(changes)) in answer.json["detail"]
    assert (await partner.get("p1")).status == 404


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256}])
async def test_a_post_needs_a_key_of_its_own(partner: Partner, headers: dict[str, str]) -> None:
    answer = await partner.ask("POST", "/products/p1", json=event("p1", 1), headers=headers)
    assert answer.status == 400


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "Basic partner-key", "partner-key", "Bearer schlüssel"]
)
async def test_nobody_enters_without_the_api_key(partner: Partner, authorization: str) -> None:
    answer = await partner.ask("GET", "/products/p1", headers={"Authorization": authorization})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_body_has_a_mebibyte_at_most(partner: Partner) -> None:
    rest = len(json.dumps(event("p1", 1, product={"product_description": ""})))
    statuses = []
    for size in (_MIB, _MIB + 1):
        body = json.dumps(event("p1", 1, product={"product_description": "x" * (size - rest)}))
        request = {"data": io.BytesIO(body.encode()), "headers": {"Idempotency-Key": "p1:1"}}
        statuses.append((await partner.ask("POST", "/products/p1", **request)).status)
    assert statuses == [201, 413]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/products", 404),
        ("PUT", "/products/p1", 405),
        ("HEAD", "/products/p1", 405),
    ],
)
async def test_there_is_nothing_else(partner: Partner, method: str, path: str, status: int) -> None:
    assert (await partner.ask(method, path)).status == status
