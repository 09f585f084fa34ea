"""One run's log lines carry one trace id from the cron to the push, and no log line a secret."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.campaign import Campaign
from tests.e2e.clients import documents, firestore
from tests.e2e.harness import LocalCloud, local_cloud

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

RETURNS = 1_100  # two batches
# What only the planner, the processing of a batch and the end of a run say.
MILESTONES = ("sync.planned", "batch.pushed", "sync.finished")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud in which a run has ended, with attempts that failed in between; crons may have begun others since."""
    with local_cloud(tmp_path_factory.mktemp("trace") / "local") as running:
        campaign = Campaign(running.wait_out_schedules(), 0)
        for start in range(0, RETURNS, 275):
            campaign.put(*(campaign.message(f"R-{n}") for n in range(start, start + 275)))
        campaign.poison("poison-1")
        campaign.set_faults(
            {"algolia": {"seed": 1, "rate_5xx": 0.3, "rate_429": 0.2}, "kill_rate": 0.2, "seed": 3}
        )
        campaign.cron()
        campaign.drain()
        campaign.set_faults({})
        yield running


def log_lines(cloud: LocalCloud) -> list[dict[str, Any]]:
    text = (cloud.data_dir / "functions.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def trace_of(line: dict[str, Any]) -> str:
    return str(line["logging.googleapis.com/trace"])


@pytest.fixture(scope="module")
def the_run(cloud: LocalCloud) -> tuple[str, str]:
    """The id and the trace of the run that pushed the returns."""
    pushed = next(line for line in log_lines(cloud) if line["message"] == "batch.pushed")
    return pushed["run_id"], trace_of(pushed)


def test_every_line_about_a_run_has_its_trace(cloud: LocalCloud, the_run: tuple[str, str]) -> None:
    run_id, trace = the_run
    assert re.fullmatch(r"projects/backstock-local/traces/[0-9a-f]{32}", trace)
    lines = log_lines(cloud)
    assert {trace_of(line) for line in lines if run_id in json.dumps(line)} == {trace}
    traced = [line["message"] for line in lines if trace_of(line) == trace]
    assert set(MILESTONES) <= set(traced)
    assert traced.count("batch.pushed") == 2
    assert traced.count("dead_letter.added") == 1
    assert "task.failed" in traced


def test_cron_planner_and_every_batch_are_of_one_trace(cloud: LocalCloud, the_run: tuple[str, str]) -> None:
    requests = [line for line in log_lines(cloud) if line["message"] == "request"]
    agents: dict[str, set[str]] = {}
    for line in requests:
        agents.setdefault(trace_of(line), set()).add(line["httpRequest"]["userAgent"])
    platform = {"Google-Cloud-Scheduler", "Google-Cloud-Tasks"}
    assert agents[the_run[1]] == platform
    # No task is of a trace that no cron began.
    assert all(seen == platform for seen in agents.values() if "Google-Cloud-Tasks" in seen)


def test_dead_letters_and_runs_name_the_trace(cloud: LocalCloud, the_run: tuple[str, str]) -> None:
    run_id, trace = the_run
    database = firestore(cloud)
    (letter,) = documents(database, "dead_letters").values()
    assert letter["trace"] == trace.rsplit("/", 1)[1]
    assert documents(database, "return_sync_runs")[run_id]["trace"] == letter["trace"]


def test_callers_may_bring_a_trace_of_their_own(cloud: LocalCloud) -> None:
    theirs = "0af7651916cd43dd8448eb211c80319c"
    headers = cloud.token("ops") | {"traceparent": f"00-{theirs}-b7ad6b7169203331-01"}
    assert cloud.http.get("/returns/never-was", headers=headers).json()["trace"] == theirs


def test_no_log_line_holds_a_secret(cloud: LocalCloud) -> None:
    bearer = cloud.token("seller", account="acme")
    key = cloud.http.post("/search-order-return-index-data/keys", headers=bearer).json()["key"]
    for headers in (bearer, {"Authorization": bearer["Authorization"][:-3] + "AAA"}):
        cloud.http.get(f"/returns/{key[:60]}", headers=headers)
        cloud.http.get("/search-order-return-index-data", headers=headers)
    secrets = [bearer["Authorization"].split()[1], key, *_own_secrets(cloud.data_dir)]
    log = (cloud.data_dir / "functions.log").read_text(encoding="utf-8")
    assert log.count("\n") > 20
    for secret in secrets:
        assert secret not in log
        assert secret not in cloud.text
    assert not re.search(r"eyJ[\w-]+\.eyJ", log)


def _own_secrets(data_dir: Path) -> list[str]:
    keys = json.loads((data_dir / "keys.json").read_text(encoding="ascii"))
    return [value for value in keys.values() if len(value) < 100]
