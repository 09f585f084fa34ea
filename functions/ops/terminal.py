"""What the commands of operators have in common: their options, how they reach a function, and where they print."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import httpx
import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from functions.ops.client import ApiError, connect
from functions.ops.operations_client import OperationsClient
from functions.ops.tables import plain

_NO_TOKEN = """\
There is no token. Put an OIDC token with the role ops into TOKEN. The local cloud gives one:
  export TOKEN=$(curl -s -H 'Accept: text/plain' 'http://127.0.0.1:8080/_local/token?sub=me&roles=ops')
Elsewhere, the identity provider does whose tokens the deployment accepts (AUTH_ISSUER)."""

FAILED, WRONG, DRIFT = 1, 2, 3
EXIT_CODES = (
    "Exit codes: 0 it was done, and all is well; 1 it was refused or failed, in part at least (a repair left something "
    "open), or not all is well; 2 the command is wrong, or there is no token; 3 an audit that was waited for has found "
    "something; 130 Ctrl-C: a run that was followed goes on."
)
LOCAL = "http://127.0.0.1:8080"

BaseUrl = Annotated[str, typer.Option(envvar="BASE_URL", help="Below which functions are reached.")]
Token = Annotated[
    str, typer.Option(envvar="TOKEN", show_default=False, help="An OIDC token with the role ops.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until it has ended, with a progress bar.")]
Every = Annotated[float, typer.Option(min=0.01, help="Seconds between two looks while waiting.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]


@contextmanager
def connected(base_url: str, token: str, function: str) -> Iterator[httpx.Client]:
    """A connection to a function; what it refuses is printed and ends the command."""
    if not token:
        _complain(_NO_TOKEN)
        raise typer.Exit(WRONG)
    try:
        with connect(base_url, token, function) as http:
            yield http
    except ApiError as error:
        _complain(str(error))
        raise typer.Exit(FAILED) from error


def _complain(text: str) -> None:
    stderr().print(plain(text), style="red", markup=False, soft_wrap=True)


@contextmanager
def operations(base_url: str, token: str) -> Iterator[OperationsClient]:
    """The operators' API; what it refuses is printed and ends the command."""
    with connected(base_url, token, "ops") as http:
        yield OperationsClient(http)


def confirm(question: str, yes: bool) -> None:
    """Ask before something is done that cannot be undone or stops something; a no ends the command."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def display(answer: BaseModel | Sequence[BaseModel], as_json: bool, table: RenderableType) -> None:
    """Print an answer: for programs, or for people."""
    if not as_json:
        stdout().print(table)
    elif isinstance(answer, BaseModel):
        typer.echo(answer.model_dump_json(indent=2, exclude={"next_cursor"}))
    else:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in answer], indent=2))


def note(text: str) -> None:
    """Tell something on stderr: stdout is for what was asked for."""
    stderr().print(plain(text), markup=False, soft_wrap=True)


def stdout() -> Console:
    """For what was asked for."""
    return Console(highlight=False)


def stderr() -> Console:
    """For progress and complaints."""
    return Console(stderr=True, highlight=False)
