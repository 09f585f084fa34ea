"""What operators see of the dead letters."""

from collections.abc import Callable
from itertools import product
from typing import Any

import httpx

from shared import trace
from tests.integration.ops.conftest import Headers, Letters


async def listed(olga: httpx.AsyncClient, **query: Any) -> list[str]:
    """The ids on all pages of a list."""
    ids: list[str] = []
    cursor = ""
    while True:
        answer = await olga.get("/dead-letters", params=query | {"cursor": cursor})
        page = answer.raise_for_status().json()
        ids += [letter["id"] for letter in page["dead_letters"]]
        if not (cursor := page["next_cursor"]):
            assert page["total"] == len(ids)
            return ids


async def test_a_letter_says_what_failed_and_why(olga: httpx.AsyncClient, letters: Letters) -> None:
    current = trace.adopt({})
    letter_id = await letters.add(payload={"return_id": "R-1", "run_id": "r1"}, error="over the limit")
    (letter,) = (await olga.get("/dead-letters")).json()["dead_letters"]
    created_at = letter.pop("created_at")
    assert created_at == (await letters.stored(letter_id))["created_at"].isoformat()
    assert letter == {
        "id": letter_id,
        "queue": "returnSyncProcessing",
        "function": "return-update-processing-queue",
        "payload": {"return_id": "R-1", "run_id": "r1"},
        "error": "over the limit",
        "attempts": 30,
        "trace": current,
        "event": None,
        "status": "open",
        "closed_at": None,
        "closed_by": None,
        "reason": None,
    }
    assert (await olga.get(f"/dead-letters/{letter_id}")).json() == letter | {"created_at": created_at}


async def test_the_newest_comes_first_on_pages_of_any_size(olga: httpx.AsyncClient, letters: Letters) -> None:
    newest_first = [await letters.add() for _ in range(5)][::-1]
    for limit in (1, 2, 4, 5, 100):
        assert await listed(olga, limit=limit) == newest_first


async def test_letters_of_one_moment_are_each_on_one_page(olga: httpx.AsyncClient, letters: Letters) -> None:
    moment = letters.cloud.clock.now()
    ids = [await letters.add(at=moment) for _ in range(5)]
    assert sorted(await listed(olga, limit=2)) == sorted(ids)


async def test_a_letter_that_comes_in_between_pages_moves_none(
    olga: httpx.AsyncClient, letters: Letters
) -> None:
    old = [await letters.add() for _ in range(4)]
    page = (await olga.get("/dead-letters", params={"limit": 2})).json()
    await letters.add()
    following = await olga.get("/dead-letters", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [letter["id"] for letter in following.json()["dead_letters"]] == old[1::-1]


async def test_any_filters_go_together(olga: httpx.AsyncClient, letters: Letters) -> None:
    queues, functions = ("returnSync", "supplyChainSync"), ("f-1", "f-2")
    ids = {
        (status, queue, function): await letters.add(queue, function=function, payload={})
        for status, queue, function in product(("open", "discarded"), queues, functions)
    }
    for (status, _, _), letter_id in ids.items():
        if status == "discarded":
            reason = {"reason": "a test"}
            (await olga.post(f"/dead-letters/{letter_id}:discard", json=reason)).raise_for_status()
    for asked in product(("", "open", "discarded"), ("", *queues), ("", *functions)):
        wanted = [i for key, i in ids.items() if all(a in ("", k) for a, k in zip(asked, key, strict=True))]
        query = dict(zip(("status", "queue", "function"), asked, strict=True))
        assert await listed(olga, **query) == wanted[::-1], query


async def test_a_letter_that_is_not_there_is_not_found(olga: httpx.AsyncClient, letters: Letters) -> None:
    await letters.add()
    for letter_id in ("0" * 32, "no-id", "A" * 32, "%2e%2e", "x" * 5000):
        for path, body in (("", None), (":replay", None), (":discard", {"reason": "a test"})):
            method = "POST" if path else "GET"
            answer = await olga.request(method, f"/dead-letters/{letter_id}{path}", json=body)
            assert answer.status_code == 404, answer.url
            assert answer.headers["content-type"] == "application/problem+json"


BAD_QUERIES = [
    ({"status": "closed"}, "status"),
    ({"queue": "noSuchQueue"}, "queue"),
    ({"function": "x" * 64}, "function"),
    ({"limit": "0"}, "limit"),
    ({"limit": "101"}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"cursor": "AAAA"}, "cursor"),
    ({"colour": "red"}, "colour"),
]


async def test_a_query_that_makes_no_sense_is_refused_by_its_field(olga: httpx.AsyncClient) -> None:
    for query, field in BAD_QUERIES:
        answer = await olga.get("/dead-letters", params=query)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:backstock:problem:validation-failed")
        assert [error["field"] for error in answer.json()["errors"]] == [field], query


async def test_a_cursor_belongs_to_its_list(olga: httpx.AsyncClient, letters: Letters) -> None:
    for _ in range(2):
        await letters.add()
    page = (await olga.get("/dead-letters", params={"limit": 1})).json()
    query = {"status": "open", "cursor": page["next_cursor"]}
    answer = await olga.get("/dead-letters", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


ROUTES = [
    ("GET", "/dead-letters", None),
    ("GET", "/dead-letters/{id}", None),
    ("POST", "/dead-letters/{id}:replay", None),
    ("POST", "/dead-letters/{id}:discard", {"reason": "a test"}),
    ("POST", "/dead-letters:replay", {"queue": "returnSyncProcessing"}),
]


async def test_only_operators_are_let_in(
    http: httpx.AsyncClient, letters: Letters, bearer: Callable[..., Headers]
) -> None:
    letter_id = await letters.add()
    everybody_else = bearer("seller", "warehouse", "retailer")
    for method, path, body in ROUTES:
        url = "/ops" + path.format(id=letter_id)
        for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), (everybody_else, 403)):
            answer = await http.request(method, url, json=body, headers=headers)
            assert (answer.status_code, answer.json()["status"]) == (status, status), (method, path)
    assert (await letters.stored(letter_id))["status"] == "open"


async def test_another_method_is_told_which_there_are(olga: httpx.AsyncClient) -> None:
    for method, path, _ in ROUTES:
        answer = await olga.request("DELETE", path.format(id="0" * 32))
        assert (answer.status_code, method in answer.headers["allow"]) == (405, True)
