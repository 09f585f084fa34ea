"""``python -m functions.ops runs`` and ``sync``."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from functions.ops.following import ended, exit_with
from functions.ops.operation_tables import run_details, runs_table, schedules_table
from functions.ops.operations_client import RunAct
from functions.ops.runs import RunKind
from functions.ops.terminal import (
    EXIT_CODES,
    LOCAL,
    AsJson,
    BaseUrl,
    Every,
    Limit,
    Token,
    Wait,
    Yes,
    confirm,
    display,
    operations,
)

KindArgument = Annotated[
    RunKind, typer.Argument(metavar="KIND", help="sync, prices, audit, repair, reindex.")
]
RunArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the run.")]
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

SYNC_SCHEDULE = "returnsUpdateCron"

runs = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)
sync = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@runs.callback()
def about_runs() -> None:
    """Runs of the returns sync, of prices, and jobs."""


@sync.callback()
def about_sync() -> None:
    """The sync of returns into the index."""


@runs.command("list")
def list_runs(
    kind: Annotated[RunKind, typer.Option(help="Of which kind.")] = "sync",
    limit: Limit = 20,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """The newest runs of a kind."""
    with operations(base_url, token) as api:
        found = api.runs(kind, limit)
    display(found, as_json, runs_table(found))


@runs.command("show")
def show_run(
    kind: KindArgument,
    run_id: RunArgument,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """One run, with all that is known of it."""
    with operations(base_url, token) as api:
        run = api.run(kind, run_id)
    display(run, as_json, run_details(run))


@runs.command()
def watch(
    kind: KindArgument,
    run_id: RunArgument,
    every: Every = 1.0,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Follow a run until it has ended."""
    with operations(base_url, token) as api:
        run = ended(api, api.run(kind, run_id), every)
    display(run, as_json, run_details(run))
    exit_with(run)


@runs.command()
def cancel(
    kind: KindArgument,
    run_id: RunArgument,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Have a run end before its time."""
    confirm(f"Cancel the {kind} run {run_id}?", yes)
    _steer(base_url, token, kind, run_id, "cancel", as_json)


@runs.command()
def resume(
    kind: KindArgument,
    run_id: RunArgument,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Have a failed job go on from where it was."""
    _steer(base_url, token, kind, run_id, "resume", as_json)


@runs.command()
def rerun(
    kind: KindArgument,
    run_id: RunArgument,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Do again what a run was for."""
    confirm(f"Do again what the {kind} run {run_id} was for?", yes)
    _steer(base_url, token, kind, run_id, "rerun", as_json)


def _steer(base_url: str, token: str, kind: RunKind, run_id: str, act: RunAct, as_json: bool) -> None:
    with operations(base_url, token) as api:
        run = api.steer(kind, run_id, act)
    display(run, as_json, run_details(run))


@sync.command("run")
def run_sync(base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False) -> None:
    """Begin a run now, instead of within a quarter of an hour."""
    with operations(base_url, token) as api:
        schedule = api.steer_schedule(SYNC_SCHEDULE, "run")
    display(schedule, as_json, schedules_table([schedule]))


@sync.command()
def resync(
    start: Annotated[datetime, typer.Option("--from", formats=_FORMATS, help="In UTC.")],
    end: Annotated[datetime, typer.Option("--to", formats=_FORMATS, help="In UTC.")],
    yes: Yes = False,
    wait: Wait = False,
    every: Every = 1.0,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Push again all returns that changed between two dates, whatever the index is thought to hold."""
    first, last = start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    with operations(base_url, token) as api:
        confirm(f"Push again what changed from {first.isoformat()} to {last.isoformat()}?", yes)
        run = api.resync(first, last)
        if wait:
            run = ended(api, run, every)
    display(run, as_json, run_details(run))
    if wait:
        exit_with(run)
