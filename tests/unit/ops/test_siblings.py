"""What comes of asking another function that is well, refuses, fails, dawdles or talks nonsense."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ops.siblings import Siblings, segment
from shared.problems import Problem

Answer = Callable[[httpx.Request], httpx.Response]
REFUSAL = {
    "type": "urn:backstock:problem:no-such-generation",
    "title": "No such generation",
    "status": 409,
    "detail": "It is not kept.",
    "errors": [{"field": "generation", "detail": "is 7"}],
}


def siblings(answer: Answer, seconds: float = 5) -> Siblings:
    return Siblings(
        lambda: httpx.AsyncClient(base_url="https://shop.example/", transport=httpx.MockTransport(answer)),
        seconds,
    )


async def problem_of(answer: Answer) -> Problem:
    with pytest.raises(Problem) as caught:
        await siblings(answer).get("storefront/s1:status", "t0ken")
    return caught.value


async def test_the_operators_own_token_goes_along() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json={"ticket": 3})

    assert await siblings(answer).post("storefront/s1:rebuild", "t0ken") == {"ticket": 3}
    assert seen[0].headers["authorization"] == "Bearer t0ken"
    assert seen[0].headers["traceparent"].startswith("00-")
    assert (seen[0].method, str(seen[0].url)) == ("POST", "https://shop.example/storefront/s1:rebuild")


async def test_what_it_refuses_is_refused_in_its_own_words() -> None:
    problem = await problem_of(lambda request: httpx.Response(409, json=REFUSAL))
    assert (problem.status, problem.kind, problem.detail) == (409, "no-such-generation", "It is not kept.")
    assert problem.errors == [{"field": "generation", "detail": "is 7"}]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"type": "urn:backstock:problem:internal-error"}),
        httpx.Response(503, json={"type": "urn:backstock:problem:unavailable"}),
        httpx.Response(404, html="<h1>Not found</h1>"),
        httpx.Response(403, json={"type": "about:blank"}),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(200, html="<h1>Welcome</h1>"),
        httpx.Response(200, json=["a list"]),
        httpx.Response(200, content=b"\xff"),
    ],
)
async def test_whatever_else_is_no_success_is_its_own_fault(answer: httpx.Response) -> None:
    problem = await problem_of(lambda request: answer)
    assert (problem.status, problem.kind) == (503, "unavailable")
    assert "storefront" in problem.detail


async def test_nobody_waits_for_one_that_is_down() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody home")

    assert (await problem_of(fail)).status == 503


async def test_nobody_waits_for_one_that_dawdles() -> None:
    class Dawdler(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

    slow = Siblings(lambda: httpx.AsyncClient(base_url="https://shop.example/", transport=Dawdler()), 0.01)
    with pytest.raises(Problem) as caught:
        await slow.get("storefront/s1:status", "t0ken")
    assert (caught.value.status, caught.value.kind) == (503, "unavailable")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_id_leads_nowhere_else(text: str) -> None:
    url = httpx.URL("https://shop.example/").join(f"storefront/{segment(text)}:status")
    assert url.path == f"/storefront/{text}:status"
    assert not url.query
    assert url.host == "shop.example"
