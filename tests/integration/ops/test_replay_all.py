"""The letters of a queue, tried again together."""

import asyncio
from typing import Any

import httpx

from tests.integration.ops.conftest import Letters


async def replay_all(olga: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await olga.post("/dead-letters:replay", json={"queue": "returnSyncProcessing"} | body)
    return dict(answer.raise_for_status().json())


async def test_the_oldest_are_replayed_up_to_the_limit(olga: httpx.AsyncClient, letters: Letters) -> None:
    ids = [await letters.add() for _ in range(5)]
    assert await replay_all(olga, limit=3) == {"replayed": 3, "failed": [], "more": True}
    statuses = [(await letters.stored(letter_id))["status"] for letter_id in ids]
    assert statuses == ["replayed"] * 3 + ["open"] * 2
    assert await replay_all(olga, limit=2) == {"replayed": 2, "failed": [], "more": False}
    assert await replay_all(olga) == {"replayed": 0, "failed": [], "more": False}


async def test_other_queues_and_closed_letters_are_left_alone(
    olga: httpx.AsyncClient, letters: Letters
) -> None:
    other, closed = await letters.add("returnSync"), await letters.add()
    (await olga.post(f"/dead-letters/{closed}:discard", json={"reason": "a test"})).raise_for_status()
    before = [await letters.stored(letter_id) for letter_id in (other, closed)]
    await letters.add()
    assert (await replay_all(olga))["replayed"] == 1
    assert [await letters.stored(letter_id) for letter_id in (other, closed)] == before


async def test_one_that_cannot_be_replayed_keeps_none_from_its_turn(
    olga: httpx.AsyncClient, letters: Letters
) -> None:
    bad = await letters.add("supplyChainSync", event="P1:1")
    good = await letters.add("supplyChainSync", payload={"not": "an event"})
    done = await replay_all(olga, queue="supplyChainSync")
    assert (done["replayed"], [failure["id"] for failure in done["failed"]]) == (1, [bad])
    assert "write it once more" in done["failed"][0]["detail"]
    assert (await letters.stored(bad))["status"] == "open"
    assert (await letters.stored(good))["status"] == "replayed"


async def test_two_at_once_replay_each_letter_once(olga: httpx.AsyncClient, letters: Letters) -> None:
    ids = [await letters.add(payload={"what": "is this"}) for _ in range(10)]
    both = await asyncio.gather(replay_all(olga, limit=10), replay_all(olga, limit=10))
    assert sum(done["replayed"] for done in both) == 10
    assert await letters.cloud.idle(10)
    page = (await olga.get("/dead-letters", params={"status": "open"})).json()
    # Each was given up again, once.
    assert page["total"] == len(ids)


BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({}, "queue"),
    ({"queue": "noSuchQueue"}, "queue"),
    ({"queue": "returnSync", "limit": 0}, "limit"),
    ({"queue": "returnSync", "limit": 501}, "limit"),
    ({"queue": "returnSync", "limit": 1.5}, "limit"),
    ({"queue": "returnSync", "colour": "red"}, "colour"),
]


async def test_a_request_that_makes_no_sense_is_refused_by_its_field(olga: httpx.AsyncClient) -> None:
    for body, field in BAD_REQUESTS:
        answer = await olga.post("/dead-letters:replay", json=body)
        found = [error["field"] for error in answer.json()["errors"]]
        assert (answer.status_code, found) == (422, [field]), body
