"""From what failed to where it is seen."""

import pytest

from functions.ops.console.whereabouts import of_check, related


@pytest.mark.parametrize(
    ("queue", "payload", "path"),
    [
        ("imageFetch", '{"product_id": "p1"}', "/console/images?product=p1"),
        ("storefrontRebuild", '{"store_id": "milano"}', "/console/stores?store=milano"),
        ("returnSyncProcessing", '{"run_id": "r/1"}', "/console/runs/sync/r%2F1"),
        ("priceUpdates", '{"run_id": "r1"}', "/console/runs/prices/r1"),
        ("returnMaintenance", '{"job_id": "reindex-returns-1"}', "/console/runs/reindex/reindex-returns-1"),
    ],
)
def test_a_letter_leads_to_what_it_is_about(queue: str, payload: str, path: str) -> None:
    assert [each for _, each in related(queue, payload)] == [path]


@pytest.mark.parametrize(
    ("queue", "payload"),
    [
        ("imageFetch", "no json"),
        ("imageFetch", "[1]"),
        ("imageFetch", '{"product_id": 7}'),
        ("returnMaintenance", '{"job_id": "//evil"}'),
        ("noSuchQueue", '{"product_id": "p1"}'),
    ],
)
def test_a_letter_of_which_nothing_is_known_leads_nowhere(queue: str, payload: str) -> None:
    assert related(queue, payload) == []


def test_a_check_leads_to_where_it_is_mended() -> None:
    assert of_check("audit of returns") == "/console/audits"
    assert of_check("dead letters") == "/console/dead-letters"
    assert of_check("something new") == "#checks"
