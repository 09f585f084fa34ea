"""``python -m functions.ops actions``."""

import typer

from functions.ops.operation_tables import actions_table
from functions.ops.terminal import EXIT_CODES, LOCAL, AsJson, BaseUrl, Limit, Token, display, operations

actions = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@actions.callback()
def about_actions() -> None:
    """The audit log."""


@actions.command("list")
def list_actions(
    limit: Limit = 50, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Who did what, to what, and when; the newest first."""
    with operations(base_url, token) as api:
        found = api.actions(limit)
    display(found, as_json, actions_table(found))
