"""Differential fuzz: whatever Google's emulator answers, the local Firestore answers too.

``PARITY_ROUNDS`` and ``PARITY_SEED`` change how much is tried and from which seed (test names and failures give the
seed). Where the emulator refuses, ours must refuse with the same status; the texts differ. Left out on purpose:

- update times (two clocks), and the update time of a deleted document, which the emulator reports and the
  reference says is not set;
- writes to another database than the request's, which the emulator lets pass and ours refuses;
- composite indexes: the emulator never asks for one, ours asks for fields that are exempt from indexing only.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.cloud.firestore_v1 import types

from tests.parity.backends import Backend, emulator_jar, google, local
from tests.parity.generators import Generator

ROUNDS = int(os.environ.get("PARITY_ROUNDS", "1"))
SEED = int(os.environ.get("PARITY_SEED", "1"))
QUERIES_A_ROUND = 700
AGGREGATIONS_A_ROUND = 150
COMMITS_A_ROUND = 120
_AT_ONCE = 16

CommitRequest = types.CommitRequest.pb()
RunQueryRequest = types.RunQueryRequest.pb()

jar = emulator_jar()
pytestmark = [
    # Run by `make test-long`: `make test` has to be quick.
    pytest.mark.long,
    pytest.mark.skipif(
        jar is None, reason="Google's Firestore emulator needs the Cloud SDK component and Java"
    ),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backends() -> AsyncIterator[tuple[Backend, Backend]]:
    assert jar is not None
    async with google(jar) as reference, local() as ours:
        yield reference, ours


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
async def test_queries_and_aggregations_agree(backends: tuple[Backend, Backend], seed: int) -> None:
    generator = Generator(seed, f"projects/q{seed}/databases/(default)")
    documents = generator.documents()
    for start in range(0, len(documents), 40):
        writes = [types.Write.pb()(update=each) for each in documents[start : start + 40]]
        request = CommitRequest(database=generator.database, writes=writes)
        for backend in backends:
            assert (await backend.unary("Commit", request))[0] == "OK"
    queries = [generator.query(documents) for _ in range(QUERIES_A_ROUND)]
    await _compare(backends, "RunQuery", queries, _query_answer, seed)
    aggregations = [generator.aggregation(documents) for _ in range(AGGREGATIONS_A_ROUND)]
    await _compare(backends, "RunAggregationQuery", aggregations, _aggregation_answer, seed)


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
async def test_writes_agree(backends: tuple[Backend, Backend], seed: int) -> None:
    generator = Generator(seed, f"projects/w{seed}/databases/(default)")
    for number in range(COMMITS_A_ROUND):
        writes = [generator.write() for _ in range(generator.random.choice([1, 1, 2, 4]))]
        request = CommitRequest(database=generator.database, writes=writes)
        theirs, ours = [_commit_answer(await backend.unary("Commit", request)) for backend in backends]
        assert theirs == ours, f"seed {seed}, commit {number}:\n{request}"
    everything = RunQueryRequest(
        parent=generator.root, structured_query={"from_": [{"all_descendants": True}]}
    )
    await _compare(backends, "RunQuery", [everything], _query_answer, seed)


async def _compare(
    backends: tuple[Backend, Backend], rpc: str, requests: list[Any], answer: Any, seed: int
) -> None:
    for start in range(0, len(requests), _AT_ONCE):
        chunk = requests[start : start + _AT_ONCE]
        calls = [[backend.stream(rpc, request) for request in chunk] for backend in backends]
        theirs, ours = [await asyncio.gather(*each) for each in calls]
        for request, expected, actual in zip(chunk, theirs, ours, strict=True):
            assert answer(expected) == answer(actual), (
                f"seed {seed}, {rpc}:\n{request}\n{actual if actual[0] != 'OK' else ''}"
            )


def _query_answer(answer: tuple[str, Any]) -> Any:
    status, responses = answer
    if status != "OK":
        return status
    return [_content(each.document) for each in responses if each.document.name]


def _content(document: Any) -> tuple[str, bytes]:
    fields = types.Document.pb()(fields=document.fields)
    return document.name, fields.SerializeToString(deterministic=True)


def _aggregation_answer(answer: tuple[str, Any]) -> Any:
    status, responses = answer
    if status != "OK":
        return status
    return sorted((alias, str(value)) for alias, value in responses[0].result.aggregate_fields.items())


def _commit_answer(answer: tuple[str, Any]) -> Any:
    status, response = answer
    if status != "OK":
        return status
    return [
        [value.SerializeToString(deterministic=True) for value in each.transform_results]
        for each in response.write_results
    ]
