"""The command line of operators: ``python -m functions.ops``."""

from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.ops.actions_cli import actions
from functions.ops.answers import DeadLetterPage, DeadLetterView, ReplayAnswer
from functions.ops.client import OpsClient
from functions.ops.dead_letters import QueueName
from functions.ops.images_cli import images
from functions.ops.jobs_cli import audit, reindex
from functions.ops.operation_tables import health_table
from functions.ops.runs_cli import runs, sync
from functions.ops.steering_cli import queues, schedules
from functions.ops.stores_cli import stores
from functions.ops.tables import failures_table, letter_details, letters_table
from functions.ops.terminal import (
    EXIT_CODES,
    FAILED,
    LOCAL,
    AsJson,
    BaseUrl,
    Token,
    Yes,
    confirm,
    connected,
    display,
    operations,
    stderr,
    stdout,
)

LetterArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the letter.")]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, epilog=EXIT_CODES)
dead_letters = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)
app.add_typer(dead_letters, name="dead-letters", help="Work that failed for good.")
app.add_typer(images, name="images", help="Images of products.")
app.add_typer(runs, name="runs", help="Runs of the returns sync, of prices, and jobs.")
app.add_typer(sync, name="sync", help="The sync of returns into the index.")
app.add_typer(audit, name="audit", help="Whether all is as it should be.")
app.add_typer(reindex, name="reindex", help="The index of returns, built anew.")
app.add_typer(schedules, name="schedules", help="What begins by the clock.")
app.add_typer(queues, name="queues", help="Work that waits.")
app.add_typer(stores, name="stores", help="Storefronts.")
app.add_typer(actions, name="actions", help="The audit log.")


@app.callback()
def main() -> None:
    """What operators do in the back office, through the functions of any deployment."""


@app.command()
def status(base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False) -> None:
    """Whether all is well, and what that is concluded from. Exit code 1 if anything is not."""
    with operations(base_url, token) as api:
        health = api.health()
    display(health, as_json, health_table(health))
    if health.status != "ok":
        raise typer.Exit(FAILED)


@dead_letters.command("list")
def list_letters(
    status: Annotated[Literal["open", "replayed", "discarded", "all"], typer.Option()] = "open",
    queue: Annotated[QueueName | None, typer.Option()] = None,
    function: Annotated[str, typer.Option(help="Who gave up.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 20,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """The newest dead letters."""
    filters = {"status": "" if status == "all" else status, "queue": queue or "", "function": function}
    with connected(base_url, token, "ops") as http:
        api = OpsClient(http)
        page = api.letters(limit, **filters)
    if as_json:
        _print_json(page)
        return
    stdout().print(letters_table(page.dead_letters))
    stdout().print(f"{len(page.dead_letters)} of {page.total}", style="dim")


@dead_letters.command()
def show(
    letter_id: LetterArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """One letter, with its payload."""
    with connected(base_url, token, "ops") as http:
        api = OpsClient(http)
        _print_letter(api.letter(letter_id), as_json)


@dead_letters.command()
def replay(
    letter_id: LetterArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Try a letter's work again."""
    with connected(base_url, token, "ops") as http:
        api = OpsClient(http)
        _print_letter(api.replay(letter_id), as_json)


@dead_letters.command()
def discard(
    letter_id: LetterArgument,
    reason: Annotated[str, typer.Option(help="Why nobody wants this work any more.")],
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Close a letter whose work nobody wants any more: it is never done."""
    confirm(f"Discard the letter {letter_id} for good?", yes)
    with connected(base_url, token, "ops") as http:
        api = OpsClient(http)
        _print_letter(api.discard(letter_id, reason), as_json)


@dead_letters.command("replay-all")
def replay_all(
    queue: Annotated[QueueName, typer.Argument(help="Whose letters.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="As many at most, instead of all that are open now.")
    ] = None,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Try the work of a queue's open letters again, the oldest first."""
    with connected(base_url, token, "ops") as http:
        api = OpsClient(http)
        # Not for ever: what dies again at once makes new letters.
        total = api.letters(1, status="open", queue=queue).total
        most = min(total, limit or total)
        if most:
            confirm(f"Replay {most} of {total} open letters of {queue}?", yes)
        done = _with_progress(api, queue, most)
    if as_json:
        _print_json(done)
    else:
        _print_replayed(done)
    if done.failed:
        raise typer.Exit(1)


def _with_progress(api: OpsClient, queue: str, most: int) -> ReplayAnswer:
    """Replay letters behind a progress bar; what became of all of them."""
    done = ReplayAnswer(replayed=0, failed=[], more=False)
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr()) as progress:
        bar = progress.add_task("", total=most)
        for chunk in api.replay_all(queue, most):
            done = ReplayAnswer(
                replayed=done.replayed + chunk.replayed, failed=done.failed + chunk.failed, more=chunk.more
            )
            progress.update(bar, completed=done.replayed + len(done.failed))
    return done


def _print_letter(letter: DeadLetterView, as_json: bool) -> None:
    if as_json:
        _print_json(letter)
    else:
        stdout().print(letter_details(letter))


def _print_replayed(done: ReplayAnswer) -> None:
    stdout().print(f"{done.replayed} replayed" + (", more are open" if done.more else ""))
    if done.failed:
        stdout().print(failures_table(done.failed))


def _print_json(answer: DeadLetterPage | DeadLetterView | ReplayAnswer) -> None:
    typer.echo(answer.model_dump_json(indent=2, exclude={"next_cursor"}))
