"""A failure is kept once, with all that trying again needs."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from google.cloud.firestore import AsyncClient

from infra.local.cloud import Cloud
from shared import trace
from shared.dead_letters import COLLECTION, DeadLetter, DeadLetters

LETTER = DeadLetter(
    key="return:R-1",
    queue="returnSync",
    function="return-updated-task-queue",
    payload={"return_id": "R-1", "amounts": [1, 2.5, None], "nested": {"deep": True}},
    error="no such account",
    attempts=3,
)


async def kept(db: AsyncClient) -> list[dict[str, object]]:
    return [snapshot.to_dict() async for snapshot in db.collection(COLLECTION).stream()]


async def test_a_letter_says_what_failed_and_how(cloud: Cloud, db: AsyncClient) -> None:
    current = trace.adopt({})
    await DeadLetters(db, cloud.clock.now).add(LETTER)
    (entry,) = await kept(db)
    created = entry.pop("created_at")
    assert created is not None
    assert entry == {
        "key": "return:R-1",
        "queue": "returnSync",
        "function": "return-updated-task-queue",
        "payload": json.dumps(LETTER.payload, separators=(",", ":")),
        "error": "no such account",
        "attempts": 3,
        "event": "",
        "status": "open",
        "trace": current,
    }


async def test_the_same_failure_is_kept_once_as_it_was_first_told(cloud: Cloud, db: AsyncClient) -> None:
    letters = DeadLetters(db, cloud.clock.now)
    await letters.add(LETTER)
    cloud.clock.advance(timedelta(hours=1).total_seconds())
    await letters.add(replace(LETTER, error="another word for it", attempts=4))
    (entry,) = await kept(db)
    assert (entry["error"], entry["attempts"]) == ("no such account", 3)


async def test_reported_by_many_at_once_it_is_kept_and_logged_once(
    db: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*(DeadLetters(db).add(LETTER) for _ in range(10)))
    assert len(await kept(db)) == 1
    (line,) = [record for record in caplog.records if record.getMessage() == "dead_letter.added"]
    assert line.levelname == "ERROR"


async def test_another_key_or_queue_is_another_failure(db: AsyncClient) -> None:
    letters = DeadLetters(db)
    await letters.add(LETTER)
    await letters.add(replace(LETTER, key="return:R-2"))
    await letters.add(replace(LETTER, queue="returnSyncProcessing"))
    assert len(await kept(db)) == 3
