"""What the commands of operators have in common: their options, how they reach a function, and where they print."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import typer
from rich.console import Console

from functions.ops.client import ApiError, connect
from functions.ops.tables import plain

_NO_TOKEN = """\
There is no token. Put an OIDC token with the role ops into TOKEN. The local cloud gives one:
  export TOKEN=$(curl -s -H 'Accept: text/plain' 'http://127.0.0.1:8080/_local/token?sub=me&roles=ops')
Elsewhere, the identity provider does whose tokens the deployment accepts (AUTH_ISSUER)."""

EXIT_CODES = (
    "Exit codes: 0 it was done; 1 it was refused or failed, in part at least; 2 the command is wrong."
)
LOCAL = "http://127.0.0.1:8080"

BaseUrl = Annotated[str, typer.Option(envvar="BASE_URL", help="Below which functions are reached.")]
Token = Annotated[
    str, typer.Option(envvar="TOKEN", show_default=False, help="An OIDC token with the role ops.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@contextmanager
def connected(base_url: str, token: str, function: str) -> Iterator[httpx.Client]:
    """A connection to a function; what it refuses is printed and ends the command."""
    if not token:
        _complain(_NO_TOKEN)
        raise typer.Exit(2)
    try:
        with connect(base_url, token, function) as http:
            yield http
    except ApiError as error:
        _complain(str(error))
        raise typer.Exit(1) from error


def _complain(text: str) -> None:
    stderr().print(plain(text), style="red", markup=False, soft_wrap=True)


def stdout() -> Console:
    """For what was asked for."""
    return Console(highlight=False)


def stderr() -> Console:
    """For progress and complaints."""
    return Console(stderr=True, highlight=False)
