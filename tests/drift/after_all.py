"""Holds the topology against what the integration tests used of Firestore, when all of them have run.

They run in several processes, and start some themselves, so each notes what it sees in one file. What comes of it is
reported as tests of this file: a run of the integration tests is red when the topology lacks an index, or has one
that nothing needs.
"""

import os
import tempfile
from pathlib import Path
from typing import Literal

import pytest

_INTEGRATION = Path(__file__).parents[1] / "integration"
NOTES = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to note, before the processes start that do."""
    if _runs_all(config) and not _elsewhere():
        # Not at the top, or every run would begin with it.
        from infra.local.firestore.usage import FILE

        handle, name = tempfile.mkstemp(prefix="firestore-usage-")
        os.close(handle)
        config.stash[NOTES] = Path(name)
        os.environ[FILE] = name


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add the results to those of the tests; where a test failed, its queries may be missing."""
    notes = session.config.stash.get(NOTES, None)
    if notes is not None:
        from infra.local.firestore.usage import FILE

        os.environ.pop(FILE)
        if session.exitstatus == pytest.ExitCode.OK:
            _look_at(notes, session)
        notes.unlink()
    elif _runs_all(session.config) and _elsewhere():
        why = "Skipped: FIRESTORE_EMULATOR_HOST is set, and that emulator does not tell what it was asked"
        _tell(session, _report("every_check", "skipped", (__file__, 1, why)))


def _look_at(notes: Path, session: pytest.Session) -> None:
    from infra.local.firestore.usage import read
    from infra.topology import load
    from tests.drift.firestore import drift

    for name, problems in drift(read(notes), load()).items():
        _tell(session, _report(name, "failed" if problems else "passed", "\n".join(problems) or None))
        if problems:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _elsewhere() -> bool:
    """Whether the tests are run against another Firestore than ours."""
    return bool(os.environ.get("FIRESTORE_EMULATOR_HOST"))


def _runs_all(config: pytest.Config) -> bool:
    """Whether this is the process that the tests are started in, and no integration test of `make test` is left out."""
    if hasattr(config, "workerinput"):
        return False
    option = config.option
    some = (option.keyword, option.deselect, option.ignore_glob, option.collectonly)
    if any(some) or option.markexpr not in ("", "not long"):
        return False
    given, ignored = (
        [(config.invocation_params.dir / each).resolve() for each in paths]
        for paths in (config.args, option.ignore or ())
    )
    return any(_INTEGRATION.is_relative_to(each) for each in given) and not any(
        each.is_relative_to(_INTEGRATION) or _INTEGRATION.is_relative_to(each) for each in ignored
    )


def _tell(session: pytest.Session, report: pytest.TestReport) -> None:
    session.config.hook.pytest_runtest_logreport(report=report)


def _report(
    name: str, outcome: Literal["passed", "failed", "skipped"], text: str | tuple[str, int, str] | None
) -> pytest.TestReport:
    where = Path(__file__).relative_to(_INTEGRATION.parents[1]).as_posix()
    return pytest.TestReport(
        nodeid=f"{where}::{name}",
        location=(where, None, name),
        keywords={},
        outcome=outcome,
        longrepr=text,
        when="call",
    )
