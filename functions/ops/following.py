"""Following a run on a terminal until it has ended, behind a progress bar."""

import time
from collections.abc import Iterator
from http import HTTPStatus

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from functions.ops.client import ApiError
from functions.ops.operation_tables import phase
from functions.ops.operations_client import OperationsClient
from functions.ops.runs_answers import OperatorRun
from functions.ops.terminal import DRIFT, FAILED, note, stderr

_ACTIVE = ("waiting", "running", "cancelling")
# So many looks in a row may fail before a run is no longer followed: it goes on by itself meanwhile.
_MOST_FAILURES = 5
# The next look would be answered alike: the token does not count (any more), or there is no such run.
_FINAL = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


def ended(api: OperationsClient, run: OperatorRun, every: float) -> OperatorRun:
    """The run, once it has ended; ``every`` so many seconds it is looked at. How to follow it again is told on stderr.

    Raises:
        ApiError: it cannot be looked at any more.
    """
    try:
        note(f"Following {run.kind} {run.id}")
        return _followed(api, run, every)
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise
        raise ApiError(f"{error}\n{_goes_on(run)}", error.status) from error
    except KeyboardInterrupt:
        note(_goes_on(run))
        raise


def _goes_on(run: OperatorRun) -> str:
    return f"The run goes on; follow it with: python -m functions.ops runs watch {run.kind} {run.id}"


def _followed(api: OperationsClient, run: OperatorRun, every: float) -> OperatorRun:
    """The run, once it has ended, behind a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr()) as progress:
        bar = progress.add_task("", total=run.total)
        for seen in _looks(api, run, every):
            run = seen
            text = f"{run.kind}: {phase(run)}"
            progress.update(bar, description=text, completed=run.done or 0, total=run.total)
    return run


def _looks(api: OperationsClient, run: OperatorRun, every: float) -> Iterator[OperatorRun]:
    """The run again and again, until it has ended."""
    failures = 0
    yield run
    while run.status in _ACTIVE:
        time.sleep(every)
        try:
            run = api.run(run.kind, run.id)
        except ApiError as error:
            failures += 1
            if error.status in _FINAL or failures >= _MOST_FAILURES:
                raise
            continue
        failures = 0
        yield run


def exit_code(run: OperatorRun) -> int:
    """How a command ends that has waited for a run."""
    if run.status != "done" or run.counts.get("failed") or _pending(run):
        return FAILED
    found = sum(run.counts.get(kind, 0) for kind in ("missing", "extra", "different"))
    return DRIFT if run.kind == "audit" and found else 0


def exit_with(run: OperatorRun) -> None:
    """End the command as the run has ended; what is left to do is told.

    Raises:
        Exit: not all is well.
    """
    if pending := _pending(run):
        note(
            f"{pending:,} findings were begun with, and not seen to end. Audit again: "
            f"python -m functions.ops audit start {run.subject}"
        )
    if code := exit_code(run):
        raise typer.Exit(code)


def _pending(run: OperatorRun) -> int:
    """Of how many findings a repair does not know whether they are well now; an audit's are no findings."""
    return run.counts.get("pending", 0) if run.kind == "repair" else 0
