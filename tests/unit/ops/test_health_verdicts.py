"""What is concluded from each thing that is looked at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.ops.backlogs import (
    OVERDUE,
    UNDELIVERED,
    UNSWEPT,
    judged_deliveries,
    judged_letters,
    judged_overdue,
)
from functions.ops.dependencies import judged_stopped
from functions.ops.freshness import LATE, PastRun, SyncView, judged_freshness, judged_sync, watermark
from functions.ops.health import Check, concluded
from functions.ops.heartbeat import SILENT_FOR, judged_heartbeat
from functions.ops.jobs_health import OUTDATED, judged_jobs
from functions.ops.jobs_sweeper import summary
from shared.jobs.records import Job
from shared.return_sync.runs import IDLE, OVERLAP, RUNNING, State

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def state(status: int = IDLE, **members: Any) -> State:
    usual: dict[str, Any] = {
        "record_id": "RETURN_JOB",
        "created_at": NOW - timedelta(days=9),
        "read_time": NOW,
        "status": status,
        "start_date": NOW - 35 * MINUTE,
        "end_date": NOW - 4 * MINUTE,
        "run_id": "run-2",
        "lease_expires_at": NOW + 5 * MINUTE if status != IDLE else None,
    }
    return State(**usual | members)


def test_between_runs_the_index_is_as_old_as_the_end_of_the_last() -> None:
    check = judged_freshness(SyncView(state()), NOW)
    assert (check.status, check.value, check.detail) == ("ok", 240, "The index is 4 minutes behind.")


def test_during_a_run_it_is_as_old_as_the_end_of_the_one_before() -> None:
    view = SyncView(state(RUNNING), began_at=NOW - 45 * MINUTE)
    assert watermark(view) == NOW - 45 * MINUTE + OVERLAP


def test_a_historic_run_leaves_it_as_it_is() -> None:
    assert watermark(SyncView(state(RUNNING, is_historic=True), began_at=None)) == NOW - 4 * MINUTE


@pytest.mark.parametrize(("age", "status"), [(LATE, "ok"), (LATE + MINUTE, "degraded")])
def test_an_index_that_falls_behind_is_no_longer_fine(age: timedelta, status: str) -> None:
    assert judged_freshness(SyncView(state(end_date=NOW - age)), NOW).status == status


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (SyncView(None), "ok"),
        (SyncView(state(RUNNING, end_date=None, created_at=NOW - MINUTE)), "ok"),
        (SyncView(state(RUNNING, end_date=None)), "degraded"),
    ],
)
def test_the_first_run_is_given_the_same_time(view: SyncView, status: str) -> None:
    check = judged_freshness(view, NOW)
    assert (check.status, check.value) == (status, None)


def past(phase: str, purpose: str = "sync") -> PastRun:
    return PastRun(f"run-{phase}", phase, purpose)


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (SyncView(None), "ok"),
        (SyncView(state(), runs=[past("done")]), "ok"),
        (SyncView(state(RUNNING), runs=[past("running"), past("done")]), "ok"),
        (SyncView(state(RUNNING, lease_expires_at=NOW - MINUTE), runs=[past("running")]), "degraded"),
        (SyncView(state(RUNNING), runs=[past("running"), past("taken over")]), "degraded"),
        (SyncView(state(RUNNING), runs=[past("running"), past("taken over", "reindex")]), "ok"),
        (SyncView(state(), runs=[past("done"), past("taken over")]), "ok"),
    ],
)
def test_a_run_that_is_dead_or_was_taken_over_is_told_until_one_has_ended(
    view: SyncView, status: str
) -> None:
    assert judged_sync(view, NOW).status == status


@pytest.mark.parametrize("kind", OVERDUE)
def test_what_is_overdue_is_told_when_sweepers_have_left_it(kind: Any) -> None:
    assert judged_overdue(kind, None, NOW).status == "ok"
    assert judged_overdue(kind, NOW - UNSWEPT, NOW).status == "ok"
    late = judged_overdue(kind, NOW - UNSWEPT - MINUTE, NOW)
    assert (late.status, late.value) == ("degraded", 16 * 60)
    assert kind.sweeper in late.advice


def test_deliveries_that_wait_for_long_say_why() -> None:
    assert judged_deliveries(NOW - UNDELIVERED, "The API answered 503.", NOW).status == "ok"
    check = judged_deliveries(NOW - timedelta(hours=3), "The API answered 503.", NOW)
    assert check.status == "degraded"
    assert check.detail == "A change of a product has waited for 3 h to reach the supply chain."
    assert check.quote == "The API answered 503."


def test_dead_letters_are_told_by_number_and_age() -> None:
    assert judged_letters(0, None, NOW).status == "ok"
    check = judged_letters(3, NOW - timedelta(hours=2), NOW)
    assert (check.status, check.detail) == ("degraded", "3 dead letters wait, the oldest for 2 h.")
    assert judged_letters(1, NOW, NOW).detail == "1 dead letter waits, the oldest for 0 s."


def test_what_is_paused_or_failed_is_named() -> None:
    assert judged_stopped("queues", []).status == "ok"
    check = judged_stopped("schedules", ["b", "a"], ["c"])
    assert (check.status, check.value) == ("degraded", 3)
    assert check.detail == "Of the schedules paused: a, b. The last attempt failed of c."
    gone = judged_stopped("queues", ["b"], missing=["a"])
    assert (gone.detail, gone.value) == ("Of the queues missing: a. Of the queues paused: b.", 2)
    assert gone.advice == "Deploy again what is missing."


def test_a_sweeper_that_does_not_come_is_missed() -> None:
    assert judged_heartbeat(None, NOW).status == "ok"
    assert judged_heartbeat(NOW - SILENT_FOR, NOW).status == "ok"
    assert judged_heartbeat(NOW - SILENT_FOR - MINUTE, NOW).status == "degraded"


def job(**members: Any) -> Job:
    usual: dict[str, Any] = {
        "id": "audit-returns-1",
        "kind": "audit",
        "subject": "returns",
        "status": "done",
        "phase": "",
        "step": 1,
        "series": 0,
        "created_at": NOW - timedelta(hours=2),
        "created_by": "olga",
        "trace": "",
        "finished_at": NOW - timedelta(hours=1),
        "counts": {"checked": 100},
    }
    return Job(**usual | members)


AUDIT = job()
DRIFT = job(id="found-3", counts={"checked": 100, "missing": 2, "different": 1, "pending": 7})
FAILED = job(status="failed", error="The index is out of reach.")
CANCELLED = job(status="cancelled")
REPAIR = job(kind="repair", counts={"repaired": 3}, options={"audit": "found-3"})
HALF_REPAIR = replace(REPAIR, counts={"repaired": 1, "failed": 1, "pending": 1})
REPAIR_OF_ANOTHER = replace(REPAIR, options={"audit": "of-yesterday"})
REINDEX = job(kind="reindex", counts={"written": 100})


@pytest.mark.parametrize(
    ("jobs", "status", "says"),
    [
        ([], "ok", "have not been audited"),
        ([AUDIT], "ok", "ended well, 60 minutes ago"),
        ([DRIFT], "degraded", "found 3 differences 60 minutes ago"),
        ([job(status="running", finished_at=None), DRIFT], "degraded", "found 3 differences"),
        ([CANCELLED, DRIFT], "degraded", "found 3 differences"),
        ([REPAIR, DRIFT], "ok", "repair of returns ended well"),
        ([HALF_REPAIR, DRIFT], "degraded", "left 2 open"),
        ([REPAIR, HALF_REPAIR, DRIFT], "ok", "repair of returns ended well"),
        ([REPAIR_OF_ANOTHER, DRIFT], "degraded", "found 3 differences"),
        ([REPAIR_OF_ANOTHER, replace(REPAIR, status="failed"), DRIFT], "degraded", "found 3 differences"),
        ([REPAIR_OF_ANOTHER, REPAIR, DRIFT], "ok", "repair of returns ended well"),
        ([AUDIT, HALF_REPAIR, DRIFT], "ok", "audit of returns ended well"),
        ([REINDEX, DRIFT], "ok", "reindex of returns ended well"),
        ([CANCELLED], "ok", "have not been audited"),
        ([FAILED], "degraded", "audit of returns failed."),
        ([replace(FAILED, kind="reindex")], "degraded", "reindex of returns failed"),
        ([job(finished_at=NOW - OUTDATED - MINUTE)], "degraded", "is 2 days old"),
        ([REPAIR, replace(DRIFT, finished_at=NOW - OUTDATED - MINUTE)], "degraded", "is 2 days old"),
        ([replace(REINDEX, finished_at=NOW - OUTDATED - MINUTE)], "degraded", "is 2 days old"),
    ],
)
def test_the_newest_jobs_of_a_subject_tell_of_it(jobs: list[Job], status: str, says: str) -> None:
    check = judged_jobs("returns", jobs, NOW)
    assert check.status == status
    assert says in check.detail


def test_what_is_to_be_looked_at_is_named() -> None:
    for jobs, named in (
        ([DRIFT], "found-3"),
        ([HALF_REPAIR, DRIFT], "found-3"),
        ([replace(FAILED, id="f-1")], "f-1"),
    ):
        assert named in judged_jobs("returns", jobs, NOW).advice


def test_the_line_of_the_log_has_what_charts_are_cut_from() -> None:
    checks = [
        Check("freshness", "ok", "So.", 240.0),
        Check("dead letters", "degraded", "3 wait.", 3),
        Check("deliveries", "ok", "So.", 12.0),
        Check("images", "ok", "So.", 700.0),
    ]
    assert summary(concluded(checks, NOW)) == {
        "status": "degraded",
        "sentence": "Degraded: 3 wait.",
        "lag_seconds": 240.0,
        "oldest_pending_seconds": 700.0,
        "dead_letters": 3,
    }


def test_what_cannot_be_told_is_left_open_in_the_log() -> None:
    assert summary(concluded([], NOW))["lag_seconds"] is None


def test_of_many_that_are_paused_three_are_named() -> None:
    assert judged_stopped("queues", list("edcba")).detail == "Of the queues paused: a, b, c and 2 more."


def test_what_an_error_says_is_cut_short() -> None:
    check = judged_jobs("returns", [replace(FAILED, error=f"{'x' * 500}\nTraceback")], NOW)
    assert (len(check.quote), check.detail) == (160, "The last audit of returns failed.")
