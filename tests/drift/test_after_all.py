"""When the integration tests' use of Firestore is looked at, and what comes of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.firestore.usage import FILE
from tests.drift import after_all

ROOT = Path(after_all.__file__).parents[2]
UNINDEXED = (
    '{"query": {"group": "outbox", "whole_group": false, "alternatives": [[[["status"], "ASCENDING"]]], '
    '"orders": [[["deadline"], "DESCENDING"], [["__name__"], "DESCENDING"]], "chooses": false}}\n'
)


def config(*args: str, **options: Any) -> Any:
    """As of ``pytest args`` in the repository's root."""
    usual = {"keyword": "", "deselect": None, "ignore": None, "ignore_glob": None, "collectonly": False}
    return SimpleNamespace(
        args=args or ["tests"],
        invocation_params=SimpleNamespace(dir=ROOT),
        option=SimpleNamespace(**{**usual, "markexpr": "", **options}),
        stash=pytest.Stash(),
    )


@pytest.mark.parametrize(
    ("run", "looked_at"),
    [
        (config(), True),
        (config("tests/unit", "tests/integration"), True),
        (config(markexpr="not long", ignore=["tests/benchmarks"]), True),
        (config("tests/integration/ops"), False),
        (config("tests/unit"), False),
        (config(keyword="outbox"), False),
        (config(markexpr="long or campaign"), False),
        (config(ignore=["tests/integration/ops"]), False),
        (config(collectonly=True), False),
    ],
)
def test_the_use_is_looked_at_when_all_integration_tests_run(
    run: Any, looked_at: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE, "")  # and as it was, afterwards
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    after_all.pytest_configure(run)
    notes = run.stash.get(after_all.NOTES, None)
    assert (notes is not None) == looked_at
    if notes is not None:
        notes.unlink()


def test_with_another_emulator_the_look_is_skipped_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:8081")
    run, reports = config(), []
    run.hook = SimpleNamespace(pytest_runtest_logreport=lambda report: reports.append(report))
    after_all.pytest_configure(run)
    after_all.pytest_sessionfinish(SimpleNamespace(config=run, exitstatus=pytest.ExitCode.OK))  # type: ignore[arg-type]
    (report,) = reports
    assert report.skipped
    assert "FIRESTORE_EMULATOR_HOST" in report.longrepr[2]


@pytest.mark.parametrize("before", [pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED])
def test_a_run_that_was_green_is_red_with_the_names_of_what_is_wrong(
    before: pytest.ExitCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE, "")
    run, reports = config(), []
    run.hook = SimpleNamespace(pytest_runtest_logreport=lambda report: reports.append(report))
    run.stash[after_all.NOTES] = tmp_path / "notes"
    run.stash[after_all.NOTES].write_text(UNINDEXED)
    session: Any = SimpleNamespace(config=run, exitstatus=before)
    after_all.pytest_sessionfinish(session)
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED
    red = {report.nodeid.rpartition("::")[2]: report.longreprtext for report in reports if report.failed}
    if before == pytest.ExitCode.OK:
        assert "outbox, fields: [status ASC, deadline DESC]" in red["test_every_query_has_its_indexes"]
    else:
        assert not reports
