"""Following a run on a terminal until it has ended, behind a progress bar."""

import time
from collections.abc import Iterator

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from functions.ops.client import ApiError
from functions.ops.operations_client import OperationsClient
from functions.ops.runs_answers import OperatorRun
from functions.ops.terminal import DRIFT, FAILED, stderr

_ACTIVE = ("waiting", "running", "cancelling")
# So many looks in a row may fail before a run is no longer followed: it goes on by itself meanwhile.
_MOST_FAILURES = 5


def ended(api: OperationsClient, run: OperatorRun, every: float) -> OperatorRun:
    """The run, once it has ended; ``every`` so many seconds it is looked at.

    Raises:
        ApiError: it cannot be looked at any more.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr()) as progress:
        bar = progress.add_task(run.phase, total=run.total)
        for seen in _looks(api, run, every):
            run = seen
            progress.update(bar, description=f"{run.kind}: {run.phase}", completed=run.done, total=run.total)
    return run


def _looks(api: OperationsClient, run: OperatorRun, every: float) -> Iterator[OperatorRun]:
    """The run again and again, until it has ended."""
    failures = 0
    yield run
    while run.status in _ACTIVE:
        time.sleep(every)
        try:
            run = api.run(run.kind, run.id)
        except ApiError:
            failures += 1
            if failures >= _MOST_FAILURES:
                raise
            continue
        failures = 0
        yield run


def exit_code(run: OperatorRun) -> int:
    """How a command ends that has waited for a run."""
    if run.status != "done" or run.counts.get("failed"):
        return FAILED
    found = sum(run.counts.get(kind, 0) for kind in ("missing", "extra", "different"))
    return DRIFT if run.kind == "audit" and found else 0


def exit_with(run: OperatorRun) -> None:
    """End the command as the run has ended."""
    if code := exit_code(run):
        raise typer.Exit(code)
