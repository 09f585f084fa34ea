"""``python -m functions.ops images`` against the local cloud."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from google.cloud.firestore import AsyncClient
from typer.testing import CliRunner, Result

from functions.ops.cli import app
from shared.clock import utc_now
from shared.images import Images, ImageTask, new_entry, shown
from tests.integration.ops.conftest import Headers

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(functions: str, bearer: Callable[..., Headers]) -> Run:
    """Runs a command below ``images`` as an operator."""
    token = bearer("ops")["Authorization"].removeprefix("Bearer ")
    runner = CliRunner(env={"BASE_URL": functions, "TOKEN": token, "COLUMNS": "160"})

    async def command(*arguments: str, answer: str = "") -> Result:
        # The functions run in this loop.
        return await asyncio.to_thread(runner.invoke, app, ["images", *arguments], input=answer)

    return command


@pytest.fixture
async def _products(db: AsyncClient) -> None:
    """Three products with an image each that some earlier policy has made, and of which nothing else is left."""
    for number in range(3):
        task = ImageTask(product_id=f"p{number}", image_id=f"i{number}")
        images = Images(db, utc_now)
        await images.await_upload(task, "https://shop.example/upload")
        await images.document(task.image_id).update({"status": "done", "policy": "old", "deadline": None})
        entries = [new_entry(task.image_id, "https://shop.example/upload")]
        await db.collection("products").document(task.product_id).set(shown(entries))


@pytest.mark.usefixtures("_products")
async def test_a_backfill_ends_at_its_bound_and_says_where_to_go_on(run: Run) -> None:
    first = await run("backfill", "--max-products", "2", answer="y\n")
    assert first.exit_code == 0, first.output
    assert "2 images of 2 products are rendered again" in first.stdout
    assert "--after p1" in first.stdout
    second = await run("backfill", "--after", "p1", "--yes", "--json")
    assert json.loads(second.stdout) == {"products": 1, "images": 1, "next": None}


@pytest.mark.usefixtures("_products")
async def test_a_backfill_is_not_begun_without_a_yes(run: Run) -> None:
    result = await run("backfill", answer="n\n")
    assert result.exit_code == 1
    assert "rendered" not in result.stdout


async def test_what_the_function_refuses_is_said(run: Run) -> None:
    result = await run("backfill", "--after", "no/id", "--yes")
    assert result.exit_code == 1
    assert "after" in result.stderr
