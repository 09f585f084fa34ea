"""``python -m functions.ops stores``."""

from typing import Annotated

import typer

from functions.ops.operation_tables import store_table
from functions.ops.stores_api import StoreAnswer, StoreStatus
from functions.ops.terminal import (
    EXIT_CODES,
    LOCAL,
    AsJson,
    BaseUrl,
    Token,
    Yes,
    confirm,
    display,
    operations,
)

StoreArgument = Annotated[str, typer.Argument(metavar="STORE")]

stores = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@stores.callback()
def about_stores() -> None:
    """Storefronts."""


@stores.command("show")
def show_store(
    store_id: StoreArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """What is served of a store, and which generations are kept; with --json also its tree."""
    with operations(base_url, token) as api:
        store = api.store(store_id)
    display(store, as_json, store_table(store))


@stores.command()
def rollback(
    store_id: StoreArgument,
    generation: Annotated[
        int | None, typer.Option(min=1, help="One that is kept, instead of the one before.")
    ] = None,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Serve an earlier generation of a store again, until somebody asks for a rebuild."""
    which = f"generation {generation}" if generation else "the generation before"
    confirm(f"Serve {which} of {store_id}?", yes)
    with operations(base_url, token) as api:
        answer = api.roll_back(store_id, generation)
    _show(answer, as_json)


@stores.command()
def rebuild(
    store_id: StoreArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Ask for a rebuild of a store."""
    with operations(base_url, token) as api:
        answer = api.rebuild(store_id)
    _show(answer, as_json)


def _show(answer: StoreAnswer, as_json: bool) -> None:
    display(answer, as_json, store_table(StoreStatus(status=answer.store, tree=None)))
