"""Every path of the operators' function, by every method that it has: who is no operator sees and does nothing."""

import re
from collections.abc import Callable, Iterator

import httpx
from google.cloud.firestore import AsyncClient

from functions.ops.main import routes
from tests.integration.ops.conftest import Headers

PUBLIC = {"/health/live", "/healthz", "/console/sign-in", "/console/static/{hash}/{name}"}


def doors() -> Iterator[tuple[str, str]]:
    """Method and path of all that is not for everybody, with names that stand for any."""
    for route in routes():
        if route.path not in PUBLIC:
            path = re.sub(r"{\w+(:path)?}", "audit", route.path).rstrip("/")
            yield from ((method, path) for method in sorted(route.methods or ()))


async def test_there_are_as_many_doors_as_one_would_think(http: httpx.AsyncClient) -> None:
    found = set(doors())
    assert len(found) > 60
    assert {("GET", ""), ("HEAD", "/health"), ("POST", "/runs:resync"), ("POST", "/console/do/audit")} < found


async def test_the_api_is_for_operators_tokens_and_no_cookie_is_one(
    http: httpx.AsyncClient, bearer: Callable[..., Headers], db: AsyncClient
) -> None:
    cookie = f"backstock-session={bearer('ops')['Authorization'].removeprefix('Bearer ')}"
    others = bearer("seller", "warehouse", "retailer")
    strangers = ((401, {}), (401, {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}), (403, others))
    for method, path in doors():
        if path.startswith("/console") or not path:
            continue
        for status, headers in strangers:
            answer = await http.request(method, f"/ops{path}", headers=headers)
            assert answer.status_code == status, (method, path)
    assert [entry async for entry in db.collection("operator_actions").stream()] == []


async def test_the_page_is_for_operators_sessions_and_no_header_is_one(
    http: httpx.AsyncClient, bearer: Callable[..., Headers], db: AsyncClient
) -> None:
    cookie = f"backstock-session={bearer('seller')['Authorization'].removeprefix('Bearer ')}"
    strangers = ((303, {}), (303, bearer("ops")), (403, {"Cookie": cookie}))
    for method, path in doors():
        if path and not path.startswith("/console"):
            continue
        for status, headers in strangers:
            answer = await http.request(method, f"/ops{path}", headers=headers)
            assert answer.status_code == status, (method, path)
            assert "Sign out" not in answer.text
    assert [entry async for entry in db.collection("operator_actions").stream()] == []
