"""``python -m functions.ops`` about a running system, against the local cloud."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient
from typer.testing import CliRunner, Result

from functions.ops.cli import app
from shared import clients
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.records import Job
from shared.jobs.store import Jobs
from shared.search import SearchIndex
from shared.settings import settings
from shared.tasks import TaskQueues
from tests.integration.ops.conftest import Headers, Letters

Run = Callable[..., Awaitable[Result]]

# A test that runs in the background of a shell has its children ignore Ctrl-C.
_STOPPABLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("functions.ops", run_name="__main__")
"""


@pytest.fixture
def run(functions: str, bearer: Callable[..., Headers]) -> Run:
    """Runs a command as an operator."""
    token = bearer("ops")["Authorization"].removeprefix("Bearer ")
    environment = {"BASE_URL": functions, "TOKEN": token, "COLUMNS": "200"}

    async def command(*arguments: str, answer: str = "") -> Result:
        # The functions run in this loop.
        runner = CliRunner(env=environment)
        return await asyncio.to_thread(runner.invoke, app, list(arguments), input=answer)

    return command


@pytest.fixture
def jobs(functions: str, db: AsyncClient) -> Jobs:
    return Jobs(db, TaskQueues(clients.cloud_tasks, settings()), lambda: datetime.now(UTC), EVERY_QUEUE)


def parsed(result: Result) -> Any:
    assert result.stdout, result.output
    return json.loads(result.stdout)


async def test_status_is_one_sentence_and_its_exit_code_says_whether_all_is_well(
    run: Run, letters: Letters
) -> None:
    well = await run("status")
    assert (well.exit_code, well.stdout.splitlines()[0]) == (0, "All is well: nothing has been synced yet.")
    await letters.add()
    ill = await run("status")
    assert (ill.exit_code, "1 dead letter waits" in ill.stdout.splitlines()[0]) == (1, True)
    assert parsed(await run("status", "--json"))["status"] == "degraded"


async def test_an_audit_that_is_waited_for_ends_as_what_it_found(run: Run) -> None:
    clean = await run("audit", "start", "returns", "--wait", "--every", "0.05", "--json")
    assert (clean.exit_code, parsed(clean)["status"]) == (0, "done"), clean.output
    assert "audit:" in clean.stderr
    config = settings()
    index = SearchIndex(clients.algolia(config, config.algolia_api_key), config.algolia_returns_index)
    await index.batch([{"action": "addObject", "body": {"objectID": "R-[b]7", "account": "acme"}}])
    drifted = await run("audit", "start", "returns", "--wait", "--every", "0.05", "--json")
    assert drifted.exit_code == 3, drifted.output
    audit = parsed(drifted)
    found = await run("audit", "findings", audit["id"], "--account", "acme")
    assert ("extra" in found.stdout, "R-[b]7" in found.stdout) == (True, True)
    assert parsed(await run("audit", "findings", audit["id"], "--kind", "missing", "--json")) == []
    assert "acme" in (await run("audit", "show", audit["id"])).stdout
    repair = await run("audit", "repair", audit["id"], answer="y\n")
    assert "Repair the 1 findings of" in repair.stderr
    assert repair.exit_code == 0
    (begun,) = parsed(await run("runs", "list", "--kind", "repair", "--json"))
    assert begun["options"] == {"audit": audit["id"]}


async def test_a_re_index_of_nothing_is_refused_unless_forced(run: Run) -> None:
    refused = await run("reindex", "start", "--yes", "--wait", "--every", "0.05", "--json")
    assert refused.exit_code == 1, refused.output
    run_ = parsed(refused)
    assert (run_["status"], bool(run_["error"])) == ("failed", True)


async def ended(jobs: Jobs, job: Job, **changes: Any) -> None:
    latest = await jobs.get(job.id)
    assert latest is not None
    assert await jobs.end(latest, {"counts": {}, **changes})


async def test_a_run_that_failed_is_shown_watched_and_resumed(run: Run, jobs: Jobs) -> None:
    await run("queues", "pause", "productAudit", "--yes")
    job = await jobs.start("audit", "products", "olga")
    await ended(jobs, job, status="failed", error="no \x1b[31mway")
    listed = await run("runs", "list", "--kind", "audit")
    assert (job.id in listed.stdout, "failed" in listed.stdout) == (True, True)
    assert "\x1b" not in listed.stdout
    watched = await run("runs", "watch", "audit", job.id)
    assert (watched.exit_code, "way" in watched.stdout) == (1, True)
    resumed = await run("runs", "resume", "audit", job.id, "--json")
    assert (resumed.exit_code, parsed(resumed)["status"]) == (0, "running")
    cancelled = await run("runs", "cancel", "audit", job.id, answer="y\n")
    assert (cancelled.exit_code, "cancelling" in cancelled.stdout) == (0, True)
    assert parsed(await run("runs", "show", "audit", job.id, "--json"))["status"] == "cancelling"


async def stopped(*arguments: str, first: bytes, **variables: str) -> tuple[int, str]:
    """The exit code of a command that is stopped by Ctrl-C once its first line is there, and what it said then."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _STOPPABLE, *arguments),
        env=os.environ | variables,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        assert await process.stderr.readline() == first
        process.send_signal(signal.SIGINT)
        told = await process.stderr.read()
        return await process.wait(), told.decode()
    finally:
        if process.returncode is None:
            process.kill()


async def test_a_run_goes_on_when_nobody_follows_it_any_more(
    run: Run, jobs: Jobs, functions: str, bearer: Callable[..., Headers]
) -> None:
    await run("queues", "pause", "productAudit", "--yes")
    job = await jobs.start("audit", "products", "olga")
    token = bearer("ops")["Authorization"].removeprefix("Bearer ")
    first = f"Following audit {job.id}\n".encode()
    watch = ("runs", "watch", "audit", job.id)
    async with asyncio.timeout(60):
        code, told = await stopped(*watch, "--every", "60", first=first, BASE_URL=functions, TOKEN=token)
    assert code == 130
    assert f"The run goes on; follow it with: python -m functions.ops {' '.join(watch)}" in told
    assert parsed(await run("runs", "show", "audit", job.id, "--json"))["status"] == "waiting"


async def test_what_cannot_be_undone_is_asked_for(run: Run, jobs: Jobs) -> None:
    await run("queues", "pause", "productAudit", "--yes")
    job = await jobs.start("audit", "products", "olga")
    for command in (
        ("runs", "cancel", "audit", job.id),
        ("runs", "rerun", "audit", job.id),
        ("reindex", "start"),
        ("sync", "resync", "--from", "2026-01-01", "--to", "2026-01-02"),
        ("schedules", "pause", "returnsUpdateCron"),
        ("queues", "pause", "returnSync"),
        ("stores", "rollback", "milano"),
    ):
        for answer in ("n\n", ""):
            assert (await run(*command, answer=answer)).exit_code == 1, command
    acts = parsed(await run("actions", "list", "--json"))
    assert [act["what"] for act in acts] == ["queue.pause"]


async def test_a_sync_is_begun_now_and_dates_are_pushed_again(run: Run) -> None:
    assert (await run("sync", "run")).exit_code == 0
    (first,) = parsed(await run("runs", "list", "--json"))
    watched = await run("runs", "watch", "sync", first["id"], "--every", "0.05")
    assert watched.exit_code == 0, watched.output
    dates = ("--from", "2026-01-01", "--to", "2026-01-02T10:00:00")
    again = await run("sync", "resync", *dates, "--yes", "--wait", "--every", "0.05", "--json")
    assert again.exit_code == 0, again.output
    assert parsed(again)["window"] == {
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-01-02T10:00:00Z",
    }


async def test_schedules_and_queues_are_paused_and_go_on(run: Run) -> None:
    paused = await run("schedules", "pause", "returnsUpdateCron", "--yes", "--json")
    assert parsed(paused)["state"] == "paused"
    listed = (await run("schedules", "list")).stdout
    assert [line.split()[:2] for line in listed.splitlines() if line.startswith("returnsUpdateCron")] == [
        ["returnsUpdateCron", "paused"]
    ]
    assert parsed(await run("schedules", "resume", "returnsUpdateCron", "--json"))["state"] == "enabled"
    assert (await run("schedules", "run", "nightlyAudits")).exit_code == 0
    assert parsed(await run("queues", "pause", "imageFetch", "--yes", "--json"))["state"] == "paused"
    assert "imageFetch" in (await run("queues", "list")).stdout
    assert parsed(await run("queues", "resume", "imageFetch", "--json"))["state"] == "running"
    log = (await run("actions", "list", "--limit", "2")).stdout
    assert log.splitlines()[1].split()[2:6] == ["olga", "queue.resume", "imageFetch", "done"]


async def test_what_is_refused_says_why_and_exits_with_1(run: Run) -> None:
    for arguments, reason in (
        (("runs", "show", "audit", "nothing"), "Not found (404)"),
        (("schedules", "run", "nothing"), "Not found (404)"),
        (("queues", "resume", "nothing"), "Not found (404)"),
        (("stores", "show", "nowhere"), "Not found (404)"),
        (("stores", "show", ".."), "Not found (404)"),
        (
            ("sync", "resync", "--from", "2026-01-02", "--to", "2026-01-01", "--yes"),
            "\n  start_date is after",
        ),
        (("status", "--token", "x"), "Unauthorized (401)"),
    ):
        result = await run(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), (arguments, result.output)
        assert reason in result.stderr


async def test_a_command_that_makes_no_sense_exits_with_2(run: Run) -> None:
    for arguments in (
        ("runs", "list", "--kind", "nonsense"),
        ("audit", "start", "weather"),
        ("sync", "resync", "--from", "yesterday", "--to", "2026-01-01"),
        ("runs", "watch", "sync"),
        ("forget",),
    ):
        assert (await run(*arguments)).exit_code == 2, arguments
