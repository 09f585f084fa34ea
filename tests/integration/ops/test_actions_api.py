"""The audit log: an entry for each act, before it is done; and none is done that cannot be written down."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.ops import actions
from infra.local.cloud import Cloud
from shared.clock import utc_now
from tests.integration.ops.conftest import Headers, Letters
from tests.integration.refusals import refused


async def log(olga: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All of the log, the oldest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        query = {"limit": 2, "cursor": cursor}
        page = (await olga.get("/actions", params=query)).raise_for_status().json()
        found += page["actions"]
        if not (cursor := page["next_cursor"]):
            return found[::-1]


async def test_the_log_has_who_did_what_and_how_it_ended(olga: httpx.AsyncClient, letters: Letters) -> None:
    replayed, discarded = await letters.add(), await letters.add()
    answer = await olga.post(f"/dead-letters/{replayed}:replay")
    (await olga.post(f"/dead-letters/{discarded}:discard", json={"reason": "a test"})).raise_for_status()
    await letters.add()
    (
        await olga.post("/dead-letters:replay", json={"queue": "returnSyncProcessing", "limit": 10})
    ).raise_for_status()
    (await olga.post("/queues/returnSync:pause")).raise_for_status()
    entries = await log(olga)
    assert [(each["what"], each["target"], each["outcome"], each["details"]) for each in entries] == [
        ("dead-letter.replay", replayed, "done", {}),
        ("dead-letter.discard", discarded, "done", {"reason": "a test"}),
        ("dead-letter.replay-all", "returnSyncProcessing", "done: 1 replayed, 0 not", {"limit": "10"}),
        ("queue.pause", "returnSync", "done", {}),
    ]
    assert {each["who"] for each in entries} == {"olga"}
    assert all(len(each["trace"]) == 32 for each in entries)
    assert answer.status_code == 202


async def test_what_was_refused_is_in_the_log_too(olga: httpx.AsyncClient, letters: Letters) -> None:
    letter = await letters.add()
    (await olga.post(f"/dead-letters/{letter}:discard", json={"reason": "a test"})).raise_for_status()
    refused(await olga.post(f"/dead-letters/{letter}:replay"), 409, "not-open")
    refused(await olga.post("/schedules/nobody:run"), 404, "not-found")
    refused(await olga.post("/runs/sync/nobody:cancel"), 404, "not-found")
    *_, replay, run, cancel = await log(olga)
    assert replay["outcome"].startswith("not-open: The letter was discarded by olga")
    assert (run["what"], run["target"]) == ("schedule.run", "nobody")
    assert run["outcome"] == "not-found: There is no schedule 'nobody'."
    assert (cancel["what"], cancel["outcome"][:10]) == ("sync.cancel", "not-found:")


async def test_nothing_is_done_that_cannot_be_written_down(
    olga: httpx.AsyncClient, cloud: Cloud, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_SECONDS", 0.2)
    letter = await letters.add()
    cloud.set_firestore_faults({"write_exhausted_rate": 1.0})
    for path in (f"/dead-letters/{letter}:replay", "/queues/returnSync:pause", "/schedules/jobSweeper:pause"):
        refused(await olga.post(path), 503, "unavailable")
    cloud.set_firestore_faults({})
    assert (await letters.stored(letter))["status"] == "open"
    queues = (await olga.get("/queues")).json()["queues"]
    schedules = (await olga.get("/schedules")).json()["schedules"]
    assert {each["state"] for each in queues} == {"running"}
    assert {each["state"] for each in schedules} == {"enabled"}


async def test_an_act_that_is_broken_off_is_said_to_be(olga: httpx.AsyncClient, db: AsyncClient) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), actions.Actions(db, utc_now).recorded("olga", "queue.pause", "q"):
            await asyncio.Event().wait()
    (entry,) = await log(olga)
    assert entry["outcome"] == "unknown: it took too long and was broken off"


async def test_entries_are_kept_for_more_than_a_year(
    olga: httpx.AsyncClient, db: AsyncClient, cloud: Cloud
) -> None:
    (await olga.post("/queues/returnSync:resume")).raise_for_status()
    (entry,) = [found async for found in db.collection("operator_actions").stream()]
    assert (entry.get("expire_at") - entry.get("at")).days == 400


async def test_the_log_is_for_operators(http: httpx.AsyncClient, bearer: Callable[..., Headers]) -> None:
    refused(await http.get("/ops/actions"), 401, "unauthorized")
    refused(await http.get("/ops/actions", headers=bearer("seller")), 403, "forbidden")
    operator = bearer("ops")
    cursor = await http.get("/ops/actions", params={"cursor": "AAAA"}, headers=operator)
    refused(cursor, 422, "validation-failed", "cursor")
