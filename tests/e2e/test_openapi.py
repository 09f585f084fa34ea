"""The OpenAPI document against the running system: what it promises is accepted, all else refused as it says.

Schemathesis makes the requests from the document: every bound of every field, random ones, and series along the links.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from google.cloud.firestore import SERVER_TIMESTAMP

from docs.openapi import DOCUMENT
from tests.e2e.clients import firestore
from tests.e2e.harness import ROOT, LocalCloud
from tests.unit.returns.examples import content

SETTINGS = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def caller(system: LocalCloud) -> dict[str, str]:
    """The headers of somebody who may do everything."""
    return system.token("ops", "seller", "warehouse", account="acme")


@pytest.fixture
def _something_to_find(system: LocalCloud, caller: dict[str, str]) -> None:
    """Three returns, one of them too large to be indexed as a whole, and dead letters about what is no return."""
    items = [content()["items"][0] | {"name": "x" * 200}] * 200
    several = [content(), content(return_id="R-2", items=items), content(return_id="R-3", carrier=None)]
    system.http.post("/returns/batch", json={"returns": several}, headers=caller).raise_for_status()
    for number in range(3):
        firestore(system).document(f"order_returns/spoilt-{number}").set({"updated_at": SERVER_TIMESTAMP})
    system.http.post("/_local/schedules/returnsUpdateCron:run").raise_for_status()
    system.http.post("/_local/idle?timeout=25").raise_for_status()
    for path in ("/search-order-return-index-data", "/ops/dead-letters"):
        answer = system.http.get(path, headers=caller)
        assert answer.raise_for_status().json()["total"] == 3, "empty answers would prove little"


# Run by `make test-long`: `make test` has to be quick.
@pytest.mark.long
@pytest.mark.usefixtures("_something_to_find")
def test_the_system_keeps_what_the_document_promises(system: LocalCloud, caller: dict[str, str]) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS)),
        *("run", str(DOCUMENT), "--url", system.base_url),
        *("--header", f"Authorization: {caller['Authorization']}"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_is_served_to_anybody(system: LocalCloud) -> None:
    answer = system.http.get("/products/openapi.json")
    assert answer.raise_for_status().headers["content-type"] == "application/json"
    assert answer.content == DOCUMENT.read_bytes()
