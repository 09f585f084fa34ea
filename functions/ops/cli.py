"""The command line of operators: ``python -m functions.ops``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.ops.answers import DeadLetterPage, DeadLetterView, ReplayAnswer
from functions.ops.client import ApiError, OpsClient, connect
from functions.ops.dead_letters import QueueName
from functions.ops.tables import failures_table, letter_details, letters_table, plain

_NO_TOKEN = """\
There is no token. Put an OIDC token with the role ops into TOKEN. The local cloud gives one:
  export TOKEN=$(curl -s -H 'Accept: text/plain' 'http://127.0.0.1:8080/_local/token?sub=me&roles=ops')
Elsewhere, the identity provider does whose tokens the deployment accepts (AUTH_ISSUER)."""

_EXIT_CODES = (
    "Exit codes: 0 it was done; 1 it was refused or failed, in part at least; 2 the command is wrong."
)

BaseUrl = Annotated[str, typer.Option(envvar="BASE_URL", help="Below which functions are reached.")]
Token = Annotated[
    str, typer.Option(envvar="TOKEN", show_default=False, help="An OIDC token with the role ops.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
LetterArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the letter.")]
LOCAL = "http://127.0.0.1:8080"

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, epilog=_EXIT_CODES)
dead_letters = typer.Typer(no_args_is_help=True, epilog=_EXIT_CODES)
app.add_typer(dead_letters, name="dead-letters", help="Work that failed for good.")


@app.callback()
def main() -> None:
    """What operators do in the back office, through the function ops of any deployment."""


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
    with _operators_api(base_url, token) as api:
        page = api.letters(limit, **filters)
    if as_json:
        _print_json(page)
        return
    _stdout().print(letters_table(page.dead_letters))
    _stdout().print(f"{len(page.dead_letters)} of {page.total}", style="dim")


@dead_letters.command()
def show(
    letter_id: LetterArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """One letter, with its payload."""
    with _operators_api(base_url, token) as api:
        _print_letter(api.letter(letter_id), as_json)


@dead_letters.command()
def replay(
    letter_id: LetterArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Try a letter's work again."""
    with _operators_api(base_url, token) as api:
        _print_letter(api.replay(letter_id), as_json)


@dead_letters.command()
def discard(
    letter_id: LetterArgument,
    reason: Annotated[str, typer.Option(help="Why nobody wants this work any more.")],
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Close a letter whose work nobody wants any more."""
    with _operators_api(base_url, token) as api:
        _print_letter(api.discard(letter_id, reason), as_json)


@dead_letters.command("replay-all")
def replay_all(
    queue: Annotated[QueueName, typer.Argument(help="Whose letters.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="As many at most, instead of all that are open now.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Try the work of a queue's open letters again, the oldest first."""
    with _operators_api(base_url, token) as api:
        # Not for ever: what dies again at once makes new letters.
        total = api.letters(1, status="open", queue=queue).total
        most = min(total, limit or total)
        if most and not yes:
            typer.confirm(f"Replay {most} of {total} open letters of {queue}?", abort=True, err=True)
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
    with Progress(*columns, console=_stderr()) as progress:
        bar = progress.add_task("", total=most)
        for chunk in api.replay_all(queue, most):
            done = ReplayAnswer(
                replayed=done.replayed + chunk.replayed, failed=done.failed + chunk.failed, more=chunk.more
            )
            progress.update(bar, completed=done.replayed + len(done.failed))
    return done


@contextmanager
def _operators_api(base_url: str, token: str) -> Iterator[OpsClient]:
    """The API; what it refuses is printed and ends the command."""
    if not token:
        _complain(_NO_TOKEN)
        raise typer.Exit(2)
    try:
        with connect(base_url, token) as http:
            yield OpsClient(http)
    except ApiError as error:
        _complain(str(error))
        raise typer.Exit(1) from error


def _complain(text: str) -> None:
    _stderr().print(plain(text), style="red", markup=False, soft_wrap=True)


def _print_letter(letter: DeadLetterView, as_json: bool) -> None:
    if as_json:
        _print_json(letter)
    else:
        _stdout().print(letter_details(letter))


def _print_replayed(done: ReplayAnswer) -> None:
    _stdout().print(f"{done.replayed} replayed" + (", more are open" if done.more else ""))
    if done.failed:
        _stdout().print(failures_table(done.failed))


def _print_json(answer: DeadLetterPage | DeadLetterView | ReplayAnswer) -> None:
    typer.echo(answer.model_dump_json(indent=2, exclude={"next_cursor"}))


def _stdout() -> Console:
    return Console(highlight=False)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)
