"""What is done from the page: asked first, by forms of ours alone, written down, and refused in place."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.ops import actions
from functions.ops.console import confirming
from infra.local.cloud import Cloud
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.store import Jobs
from tests.integration.ops.conftest import Letters
from tests.integration.ops.console.conftest import Visitor, readable
from tests.integration.steps import FakeQueues


async def log(db: AsyncClient) -> list[tuple[str, str, str, str]]:
    """The audit log without sign-ins, the oldest first."""
    found = [each.to_dict() or {} async for each in db.collection("operator_actions").order_by("at").stream()]
    acts = [(each["who"], each["what"], each["target"], each["outcome"]) for each in found]
    return [act for act in acts if act[1] != "session.sign-in"]


async def test_a_letter_is_replayed_once_that_is_confirmed(
    visitor: Visitor, letters: Letters, db: AsyncClient
) -> None:
    letter = await letters.add()
    asked = await visitor.text("/console/do/dead-letter.replay", letter=letter)
    assert "Replay this dead letter?" in asked
    assert letter in asked
    assert (await letters.stored(letter))["status"] == "open"
    answer = await visitor.do("dead-letter.replay", back="/ops/console/dead-letters", letter=letter)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/ops/console/dead-letters?notice=")
    assert f"Letter {letter[:8]} is replayed" in readable(
        (await visitor.http.get(answer.headers["location"])).text
    )
    stored = await letters.stored(letter)
    assert (stored["status"], stored["closed_by"]) == ("replayed", "olga")
    assert await log(db) == [("olga", "dead-letter.replay", letter, "done")]


async def test_a_letter_is_discarded_with_a_reason(visitor: Visitor, letters: Letters) -> None:
    letter = await letters.add()
    refused = await visitor.do("dead-letter.discard", letter=letter, reason="  ")
    assert (refused.status_code, "Say why nobody wants" in refused.text) == (422, True)
    assert (await letters.stored(letter))["status"] == "open"
    assert (
        await visitor.do("dead-letter.discard", letter=letter, reason=" a <b>test</b> ")
    ).status_code == 303
    assert (await letters.stored(letter))["reason"] == "a <b>test</b>"
    assert "a &lt;b&gt;test&lt;/b&gt;" in await visitor.page(f"/console/dead-letters/{letter}")


async def test_a_refusal_is_said_beside_the_question(visitor: Visitor, letters: Letters) -> None:
    letter = await letters.add()
    await visitor.do("dead-letter.discard", letter=letter, reason="first")
    again = await visitor.do("dead-letter.replay", letter=letter)
    assert again.status_code == 409
    text = readable(again.text)
    assert "The letter was discarded by olga" in text
    assert "Replay this dead letter?" in text


async def test_all_letters_of_a_queue_are_replayed(visitor: Visitor, letters: Letters) -> None:
    ids = [await letters.add() for _ in range(3)]
    assert "Open letters 3" in await visitor.text(
        "/console/do/dead-letter.replay-all", queue="returnSyncProcessing"
    )
    answer = await visitor.do("dead-letter.replay-all", queue="returnSyncProcessing")
    assert "3 letters are replayed." in readable((await visitor.http.get(answer.headers["location"])).text)
    assert {(await letters.stored(each))["status"] for each in ids} == {"replayed"}


async def test_who_runs_a_forced_re_index_again_is_told_what_it_does_and_that_it_is_not_forced(
    visitor: Visitor, db: AsyncClient
) -> None:
    queues: Any = FakeQueues()
    jobs = Jobs(db, queues, lambda: datetime.now(UTC), EVERY_QUEUE)
    job = await jobs.start("reindex", "returns", "olga", {"forced": True})
    assert await jobs.end(job, {"status": "done"})
    asked = await visitor.page("/console/do/run.rerun", kind="reindex", run=job.id)
    assert "puts it in its place" in readable(asked)
    assert "this time it is not" in readable(asked)
    assert 'class="narrow card confirm grave"' in asked


@pytest.mark.parametrize("kind", ["sync", "prices", "audit"])
async def test_a_run_without_an_id_is_none(visitor: Visitor, kind: str) -> None:
    asked = await visitor.http.get("/ops/console/do/run.cancel", params={"kind": kind, "run": ""})
    assert (asked.status_code, "There is no run" in readable(asked.text)) == (404, True)


FORMS: list[tuple[str, dict[str, str]]] = [
    ("dead-letter.replay", {"letter": "LETTER"}),
    ("dead-letter.discard", {"letter": "LETTER", "reason": "a test"}),
    ("dead-letter.replay-all", {"queue": "returnSyncProcessing"}),
    ("job.start", {"kind": "audit", "subject": "returns"}),
    ("queue.pause", {"name": "returnSync"}),
    ("schedule.pause", {"name": "returnsUpdateCron"}),
    ("schedule.run", {"name": "returnsUpdateCron"}),
    ("store.rebuild", {"store": "milano"}),
    ("sync.resync", {"start": "2026-11-01T00:00", "end": "2026-11-02T00:00"}),
]


async def test_nothing_is_done_for_a_form_that_is_not_ours(
    visitor: Visitor, letters: Letters, db: AsyncClient
) -> None:
    letter = await letters.add()
    good = await visitor.form_token()
    for act, values in FORMS:
        form = {name: value.replace("LETTER", letter) for name, value in values.items()}
        for forged, site in (
            (form, "same-origin"),
            (form | {"form_token": "0" * 64}, "same-origin"),
            (form | {"form_token": good}, "cross-site"),
        ):
            answer = await visitor.send(f"/console/do/{act}", forged, site)
            assert answer.status_code == 403, act
    assert await log(db) == []
    assert (await letters.stored(letter))["status"] == "open"


async def test_to_look_changes_nothing(visitor: Visitor, letters: Letters, db: AsyncClient) -> None:
    letter = await letters.add()
    for act, values in FORMS:
        query = {name: value.replace("LETTER", letter) for name, value in values.items()}
        query["form_token"] = await visitor.form_token()
        await visitor.http.get(f"/ops/console/do/{act}", params=query)
    assert await log(db) == []
    assert (await letters.stored(letter))["status"] == "open"


async def test_a_form_that_is_none_is_refused(visitor: Visitor) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    address = "/ops/console/do/queue.pause"
    for content, kind, status in (
        (b"{}", "application/json", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 100, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 40_000, "application/x-www-form-urlencoded", 413),
    ):
        answer = await visitor.http.post(address, content=content, headers=headers | {"Content-Type": kind})
        assert answer.status_code == status, content[:20]


async def test_queues_and_schedules_are_steered(visitor: Visitor, db: AsyncClient, functions: str) -> None:
    await visitor.do("queue.pause", name="imageFetch")
    await visitor.do("schedule.pause", name="returnsUpdateCron")
    text = await visitor.text("")
    assert "imageFetch paused" in text
    assert "returnsUpdateCron paused" in text
    await visitor.do("queue.resume", name="imageFetch")
    await visitor.do("schedule.resume", name="returnsUpdateCron")
    text = await visitor.text("")
    assert "imageFetch running" in text
    assert "returnsUpdateCron enabled" in text
    missing = await visitor.do("queue.pause", name="noSuchQueue")
    assert missing.status_code == 404
    assert [act[1] for act in await log(db)][:2] == ["queue.pause", "schedule.pause"]


async def idle(functions: str) -> None:
    async with httpx.AsyncClient(base_url=functions, timeout=40) as controls:
        (await controls.post("/_local/idle?timeout=30")).raise_for_status()


async def test_a_run_of_the_sync_is_begun_and_seen(visitor: Visitor, functions: str) -> None:
    await visitor.do("schedule.run", name="returnsUpdateCron")
    await idle(functions)
    page = await visitor.page("/console/runs")
    assert page.count('id="run-') == 1
    assert "Sync" in readable(page)
    overview = await visitor.page("")
    assert 'id="durations"' in overview


async def test_an_audit_is_begun_and_seen_to_its_end(visitor: Visitor, functions: str) -> None:
    answer = await visitor.do("job.start", kind="audit", subject="returns")
    there = answer.headers["location"].partition("?")[0]
    assert there.startswith("/ops/console/runs/audit/audit-returns-")
    await idle(functions)
    assert "Audit of returns" in readable((await visitor.http.get(there)).text)
    assert "Audit of returns" in await visitor.text("/console/audits")


async def test_to_force_a_reindex_takes_a_tick(visitor: Visitor, db: AsyncClient) -> None:
    forced = {"kind": "reindex", "subject": "returns", "forced": "1"}
    assert "less than half of the records, or none" in await visitor.text("/console/do/job.start", **forced)
    refused = await visitor.do("job.start", **forced)
    assert (refused.status_code, "Tick the box" in refused.text) == (422, True)
    assert await log(db) == []


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"start": "yesterday", "end": "2026-11-02T00:00"}, 422),
        ({"start": "2026-11-02T00:00", "end": "2026-11-02T00:00"}, 422),
        ({"start": "0001-01-01T00:00+14:00", "end": "2026-11-02T00:00"}, 422),
        ({"start": "2026-11-02T00:00", "end": "9999-12-31T23:59-14:00"}, 422),
    ],
)
async def test_a_time_that_is_none_is_refused(visitor: Visitor, values: dict[str, str], status: int) -> None:
    assert (await visitor.do("sync.resync", **values)).status_code == status


async def test_nobody_else_can_put_a_notice_on_the_page(visitor: Visitor) -> None:
    forged: dict[str, Any] = {"notice": "Call 555-0100 now", "seal": "0" * 64}
    assert "Call 555" not in await visitor.page("", **forged)


async def test_whoever_confirms_comes_back_to_a_page_of_ours(visitor: Visitor, cloud: Cloud) -> None:
    answer = await visitor.do("queue.pause", back="https://evil.example/", name="imageFetch")
    assert answer.headers["location"].startswith("/ops?notice=")


async def test_a_refusal_is_said_though_the_question_cannot_be_put_again(
    visitor: Visitor, letters: Letters, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_SECONDS", 0.2)
    monkeypatch.setattr(confirming, "_QUESTION_SECONDS", 0.2)
    form = {"letter": await letters.add(), "form_token": await visitor.form_token()}
    cloud.set_firestore_faults({"unavailable_rate": 1.0})
    refused = await visitor.send("/console/do/dead-letter.replay", form)
    cloud.set_firestore_faults({})
    assert (refused.status_code, "so nothing was done" in refused.text) == (503, True)
