"""One source that is slow or down takes no other with it."""

import asyncio

from google.api_core.exceptions import ServiceUnavailable

from functions.ops.console.panels import panel
from shared.problems import Problem


async def gives(value: int) -> int:
    return value


async def fails(error: Exception) -> int:
    raise error


async def test_what_a_source_gives_is_shown() -> None:
    assert (await panel(gives(7))).value == 7


async def test_a_refusal_is_shown_in_its_own_words() -> None:
    found = await panel(fails(Problem(404, "not-found", "There is no such store.")))
    assert (found.value, found.error) == (None, "There is no such store.")


async def test_a_source_that_is_down_is_said_to_be() -> None:
    assert "Not to be had" in (await panel(fails(ServiceUnavailable("down")))).error


async def test_a_source_that_does_not_answer_is_not_waited_for() -> None:
    assert "Not to be had" in (await panel(asyncio.Event().wait(), 0.01)).error


async def test_an_error_of_ours_is_not_told_to_the_browser() -> None:
    found = await panel(fails(RuntimeError("secret at 10.0.0.7")))
    assert "secret" not in found.error
