"""``python -m functions.ops audit`` and ``reindex``."""

from typing import Annotated

import typer

from functions.ops.following import ended, exit_with
from functions.ops.operation_tables import findings_table, run_details
from functions.ops.operations_client import OperationsClient
from functions.ops.runs_answers import OperatorRun
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
from shared.jobs.records import FindingKind, Subject

AuditArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the audit.")]

audit = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)
reindex = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@audit.callback()
def about_audits() -> None:
    """Whether all is as it should be: the index, what the supply chain has of products, their images."""


@reindex.callback()
def about_reindexing() -> None:
    """The index of returns, built anew beside the one that is searched."""


@audit.command()
def start(
    subject: Annotated[Subject, typer.Argument(metavar="SUBJECT", help="returns, products or images.")],
    wait: Wait = False,
    every: Every = 1.0,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Begin an audit."""
    with operations(base_url, token) as api:
        _shown(api, api.start_job("audit", subject), wait, every, as_json)


@audit.command("show")
def show_audit(
    audit_id: AuditArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """One audit: how far it is, and what it has found by account."""
    with operations(base_url, token) as api:
        run = api.run("audit", audit_id)
    display(run, as_json, run_details(run))


@audit.command()
def findings(
    audit_id: AuditArgument,
    account: Annotated[str, typer.Option(help="Whose.")] = "",
    kind: Annotated[FindingKind | None, typer.Option()] = None,
    limit: Limit = 100,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """What an audit has found, and what a repair made of it."""
    with operations(base_url, token) as api:
        found = api.findings(audit_id, limit, account=account, kind=kind or "")
    display(found, as_json, findings_table(found))


@audit.command()
def repair(
    audit_id: AuditArgument,
    yes: Yes = False,
    wait: Wait = False,
    every: Every = 1.0,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Set right exactly what an audit has found."""
    with operations(base_url, token) as api:
        seen = api.run("audit", audit_id)
        confirm(f"Repair the {_drift(seen):,} findings of {audit_id}?", yes)
        _shown(api, api.start_job("repair", seen.subject, audit=audit_id), wait, every, as_json)


@reindex.command("start")
def start_reindex(
    forced: Annotated[
        bool, typer.Option("--forced", help="Even if there is nothing to put into the index.")
    ] = False,
    yes: Yes = False,
    wait: Wait = False,
    every: Every = 1.0,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Build the index of returns anew, then put it in the place of the one that is searched."""
    confirm(f"Replace the index of returns{', even by an empty one' if forced else ''}?", yes)
    with operations(base_url, token) as api:
        _shown(api, api.start_job("reindex", "returns", forced=forced), wait, every, as_json)


def _shown(api: OperationsClient, run: OperatorRun, wait: bool, every: float, as_json: bool) -> None:
    """A job that was begun; once it has ended, if that is waited for."""
    if wait:
        run = ended(api, run, every)
    display(run, as_json, run_details(run))
    if wait:
        exit_with(run)


def _drift(run: OperatorRun) -> int:
    return sum(run.counts.get(kind, 0) for kind in ("missing", "extra", "different"))
