"""The table of entry points, as Functions Framework uses it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import main
from infra.topology import load
from tests.unit.shared.examples import ENVIRONMENT

SECRETS = {
    "ALGOLIA_API_KEY": "writes",
    "ALGOLIA_SEARCH_KEY": "searches",
    "SUPPLY_CHAIN_API_KEY": "delivers",
}
PARTNER = {"SUPPLY_CHAIN_URL": "https://supply.partner.example"}
IMAGES = {
    "UPLOADS_BUCKET": "shop-uploads",
    "IMAGES_BUCKET": "shop-images",
    "EVENTS_SERVICE_ACCOUNT": "events@shop.iam.gserviceaccount.com",
}
FEEDS = {"FEEDS_BUCKET": "shop-feeds", "WORKSPACE_BUCKET": "shop-workspace"}
# Clients of Google's libraries are made on the way; none of them connects.
EMULATORS = {
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
    "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
}
FUNCTIONS = load().functions

# Starts functions as the platform does and asks each something.
ASK = """
import asyncio, sys
import functions_framework, httpx
async def ask(entry_point):
    app = functions_framework.create_app(entry_point, "main.py")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return (await client.post("/")).status_code
async def ask_all():
    for entry_point in sys.argv[1:]:
        print("answer", entry_point, await ask(entry_point))
asyncio.run(ask_all())
"""


def python(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(main.__file__).parent,
        env=inherited | environment,
    )


# Those with the same secrets share a process, since each takes a second to start.
@pytest.mark.parametrize("secrets", sorted({function.secrets for function in FUNCTIONS.values()}))
def test_a_function_answers_with_no_more_secrets_than_the_topology_gives_it(secrets: tuple[str, ...]) -> None:
    entry_points = [each.entry_point for each in FUNCTIONS.values() if each.secrets == secrets]
    given = {secret: SECRETS[secret] for secret in secrets}
    done = python(ASK, *entry_points, **ENVIRONMENT, **PARTNER, **IMAGES, **FEEDS, **given, **EMULATORS)
    assert done.returncode == 0, done.stderr
    answers = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("answer ")]
    assert [entry_point for entry_point, _ in answers] == entry_points
    # No token, or nothing to POST to: each is an answer of the function's own.
    assert {status for _, status in answers} <= {"401", "404", "405"}, done.stdout


def test_a_function_that_events_call_is_ours_and_logs_whatever_the_platform_says_of_it() -> None:
    # Cloud Functions sets both. The framework would take the event from us, and all of our lines from the log.
    said = {"FUNCTION_SIGNATURE_TYPE": "cloudevent", "LOG_EXECUTION_ID": "true"}
    done = python(ASK, "compress_image", **ENVIRONMENT, **IMAGES, **EMULATORS, **said)
    log, answer = done.stdout.splitlines()
    assert answer == "answer compress_image 401", done.stderr
    assert json.loads(log)["httpRequest"]["status"] == 401


def test_without_an_audience_no_function_starts() -> None:
    incomplete = {name: value for name, value in ENVIRONMENT.items() if name != "AUTH_AUDIENCE"}
    done = python(ASK, "returns", **incomplete)
    assert done.returncode != 0
    assert "AUTH_AUDIENCE" in done.stderr


@pytest.mark.parametrize("name", main.ENTRY_POINTS)
def test_an_entry_point_is_found_by_its_name(name: str) -> None:
    assert hasattr(main, name)
    assert getattr(main, name).__name__ == name


def test_what_is_no_entry_point_is_refused_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"'returns_corn' is no entry point; there are: .*returns_cron"):
        main.returns_corn  # noqa: B018
    assert not hasattr(main, "__path__")


def test_the_table_alone_imports_no_function() -> None:
    program = "import sys, main; print(*sys.modules)"
    done = python(program)
    assert done.returncode == 0
    assert not [name for name in done.stdout.split() if name.startswith("functions")]
