"""``python -m functions.ops images``."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from functions.ops.answers import BackfillBegun
from functions.ops.client import ApiError, BackfillClient
from functions.ops.terminal import EXIT_CODES, LOCAL, AsJson, BaseUrl, Token, connected, stderr, stdout

# Products to a request, so that a progress bar has something to show, and in all: who wants more says so again.
_CHUNK = 20
_MOST = 10_000

images = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@images.callback()
def main() -> None:
    """Images of products."""


@images.command()
def backfill(
    max_products: Annotated[int, typer.Option(min=1, max=_MOST, help="As many products at most.")] = 100,
    after: Annotated[
        str | None, typer.Option(help="Begin after this product: where the last one ended.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also images that the present policy has made.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Render images again, after the policy has changed: so many products, in the order of their ids."""
    with connected(base_url, token, "image-backfill") as http:
        if not yes:
            typer.confirm(f"Render the images of up to {max_products} products again?", abort=True, err=True)
        done = _begin(BackfillClient(http), after, max_products, not every)
    if as_json:
        typer.echo(done.model_dump_json(indent=2))
        return
    stdout().print(f"{done.images} images of {done.products} products are rendered again.")
    if done.next:
        stdout().print(f"There are more; go on with --after {done.next}")


def _begin(api: BackfillClient, after: str | None, most: int, outdated: bool) -> BackfillBegun:
    """Begin with a chunk of products after the other, behind a progress bar."""
    done = BackfillBegun(products=0, images=0, next=after)
    columns = (TextColumn("Products"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=stderr()) as progress:
        bar = progress.add_task("", total=most)
        while done.products < most:
            try:
                begun = api.begin(done.next, min(_CHUNK, most - done.products), outdated)
            except ApiError as error:
                place = f"--after {done.next}" if done.next else "the same command"
                text = f"{error}\n{done.products} products were begun with; go on with {place}."
                raise ApiError(text) from error
            done = BackfillBegun(
                products=done.products + begun.products, images=done.images + begun.images, next=begun.next
            )
            progress.update(bar, completed=done.products)
            if begun.next is None:
                break
    return done
