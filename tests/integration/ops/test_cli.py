"""``python -m functions.ops`` against the local cloud."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from typer.testing import CliRunner, Result

from functions.ops.cli import app
from infra.local.http_server import address_of, local_socket
from tests.integration.ops.conftest import Headers, Letters

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(functions: str, bearer: Callable[..., Headers]) -> Run:
    """Runs a command below ``dead-letters`` as an operator."""
    token = bearer("ops")["Authorization"].removeprefix("Bearer ")
    environment = {"BASE_URL": functions, "TOKEN": token, "COLUMNS": "160"}

    async def command(*arguments: str, answer: str = "", **variables: str | None) -> Result:
        runner = CliRunner(env=environment | variables)
        # The functions run in this loop.
        return await asyncio.to_thread(runner.invoke, app, ["dead-letters", *arguments], input=answer)

    return command


async def test_list_shows_open_letters_with_ids_to_copy(run: Run, letters: Letters) -> None:
    ids = [await letters.add(error="over\nthe \x1b[31mlimit") for _ in range(3)]
    await run("discard", ids[0], "--reason", "a test", "--yes")
    result = await run("list", "--limit", "1")
    assert result.exit_code == 0, result.output
    assert ids[2] in result.stdout
    assert "1 of 2" in result.stdout
    assert "over" in result.stdout
    everything = await run("list", "--status", "all")
    assert [line.split()[0] for line in everything.stdout.splitlines()[1:-1:2]] == ids[::-1]


async def test_list_takes_every_filter_and_prints_json(run: Run, letters: Letters) -> None:
    await letters.add("returnSync", function="f-1")
    wanted = await letters.add("returnSync", function="f-2")
    await letters.add("supplyChainSync", function="f-2")
    result = await run("list", "--queue", "returnSync", "--function", "f-2", "--json")
    answer = json.loads(result.stdout)
    assert ([letter["id"] for letter in answer["dead_letters"]], answer["total"]) == ([wanted], 1)


async def test_show_tells_all_and_nothing_that_a_terminal_would_obey(run: Run, letters: Letters) -> None:
    letter_id = await letters.add(
        payload={"name": "[bold]Ada[/bold]"}, error="\x1b]0;pwned\x07 [red]no[/red]"
    )
    result = await run("show", letter_id)
    assert result.exit_code == 0, result.output
    assert "[bold]Ada[/bold]" in result.stdout
    assert "[red]no[/red]" in result.stdout
    assert "\x1b" not in result.stdout


async def test_a_letter_is_discarded_only_once_that_is_meant(run: Run, letters: Letters) -> None:
    letter = await letters.add()
    unsure = await run("discard", letter, "--reason", "a test", answer="n\n")
    assert unsure.exit_code == 1
    assert (await letters.stored(letter))["status"] == "open"
    sure = await run("discard", letter, "--reason", "a test", answer="y\n")
    assert (sure.exit_code, (await letters.stored(letter))["status"]) == (0, "discarded")


async def test_replay_and_discard_close_letters(run: Run, letters: Letters) -> None:
    replayed, discarded = await letters.add(), await letters.add()
    assert (await run("replay", replayed)).exit_code == 0
    result = await run("discard", discarded, "--reason", "sold the shop", "--yes", "--json")
    assert json.loads(result.stdout)["reason"] == "sold the shop"
    assert (await letters.stored(replayed))["status"] == "replayed"
    assert (await letters.stored(discarded))["status"] == "discarded"


async def test_what_is_refused_says_why_and_exits_with_1(run: Run, letters: Letters) -> None:
    letter_id = await letters.add()
    await run("replay", letter_id)
    for arguments, reason in (
        (("replay", letter_id), "Not open (409): The letter was replayed by olga"),
        (("show", "nothing"), "Not found (404): There is no dead letter"),
        (("discard", letter_id, "--reason", " ", "--yes"), "reason: String should have at least 1 character"),
        (("list", "--token", "x"), "Unauthorized (401)"),
        (("list", "--token", "olé\n"), "TOKEN is no token"),
    ):
        result = await run(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert reason in result.stderr


async def test_replay_all_replays_what_it_said_it_would(run: Run, letters: Letters) -> None:
    ids = [await letters.add() for _ in range(3)]
    asked = await run("replay-all", "returnSyncProcessing", "--limit", "2", answer="y\n")
    assert asked.exit_code == 0, asked.output
    assert "Replay 2 of 3 open letters of returnSyncProcessing?" in asked.stderr
    assert "2 replayed, more are open" in asked.stdout
    assert "2/2" in asked.stderr
    unasked = await run("replay-all", "returnSyncProcessing", "--yes", "--json")
    assert json.loads(unasked.stdout) == {"replayed": 1, "failed": [], "more": False}
    assert [(await letters.stored(letter_id))["status"] for letter_id in ids] == ["replayed"] * 3


async def test_replay_all_without_a_yes_does_nothing(run: Run, letters: Letters) -> None:
    letter_id = await letters.add()
    for answer in ("n\n", ""):
        assert (await run("replay-all", "returnSyncProcessing", answer=answer)).exit_code == 1
    assert (await letters.stored(letter_id))["status"] == "open"


async def test_replay_all_names_what_it_could_not_replay(run: Run, letters: Letters) -> None:
    bad = await letters.add("supplyChainSync", event="P1:1")
    result = await run("replay-all", "supplyChainSync", "--yes")
    assert result.exit_code == 1
    assert bad in result.stdout
    assert "write it once more" in " ".join(result.stdout.split())


async def test_a_command_that_makes_no_sense_exits_with_2(run: Run) -> None:
    for arguments in (
        ("list", "--queue", "noSuchQueue"),
        ("list", "--limit", "0"),
        ("discard", "0" * 32),
        ("replay-all",),
        ("forget",),
    ):
        assert (await run(*arguments)).exit_code == 2, arguments


async def test_without_a_token_it_says_how_to_get_one(run: Run) -> None:
    result = await run("list", TOKEN=None)
    assert result.exit_code == 2
    assert "/_local/token?sub=me&roles=ops" in result.stderr


async def test_an_address_where_nobody_is_says_so(run: Run) -> None:
    with local_socket() as closed:
        address = address_of(closed)
    for url in (f"http://{address}", "nonsense", "http://[", "ftp://shop.example"):
        result = await run("list", "--base-url", url)
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.output
        assert "BASE_URL" in result.stderr
