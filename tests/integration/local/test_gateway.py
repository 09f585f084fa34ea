"""The gateway passes requests and answers through as they are, and says what it cannot do."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from infra.local.gateway import MAX_BODY_BYTES, Gateway
from infra.local.problems import Problem
from infra.local.supervisor import Supervisor
from tests.integration.local.conftest import client_of
from tests.integration.local.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TASK = {"X-CloudTasks-QueueName": "q", "X-CloudTasks-TaskName": "t", "X-CloudTasks-TaskRetryCount": "0"}
_EVENT = {"ce-id": "e1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.mark.parametrize(
    ("url", "path"), [("/echo", "/"), ("/echo/", "/"), ("/echo/a/b/", "/a/b/"), ("/echo//x", "//x")]
)
async def test_a_function_sees_the_path_without_its_name(
    http: aiohttp.ClientSession, url: str, path: str
) -> None:
    async with http.get(url) as response:
        assert (await response.json())["path"] == path


async def test_escapes_query_and_method_pass_untouched(http: aiohttp.ClientSession) -> None:
    async with http.patch(URL("/echo/a%2Fb%20c?x=1%2C2&y=%20", encoded=True)) as response:
        seen = await response.json()
    assert (seen["method"], seen["path"], seen["query"]) == ("PATCH", "/a%2Fb%20c", "x=1%2C2&y=%20")


async def test_headers_pass_but_those_of_the_connection(http: aiohttp.ClientSession) -> None:
    sent = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Authorization": "Bearer x.y.z",
        "X-Forwarded-For": "203.0.113.7",
        "Connection": "X-Hop",
        "X-Hop": "not for you",
    }
    async with http.get("/echo", headers=sent) as response:
        assert response.headers["X-Echo"] == "yes"
        seen = dict((await response.json())["headers"])
    assert seen["traceparent"] == sent["traceparent"]
    assert seen["authorization"] == "Bearer x.y.z"
    assert seen["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert "x-hop" not in seen


async def test_a_function_gets_the_headers_that_its_door_lets_through(supervisor: Supervisor) -> None:
    def door(headers: CIMultiDict[str]) -> None:
        if headers.pop("Authorization", "") != "Bearer x.y.z":
            raise Problem(HTTPStatus.FORBIDDEN, "not you")
        headers["X-Caller"] = "z"

    gateway = Gateway({"echo": door}, supervisor)
    async with client_of(gateway) as http:
        async with http.get("/echo", headers={"Authorization": "Bearer x.y.z"}) as response:
            seen = dict((await response.json())["headers"])
        assert seen["x-caller"] == "z"
        assert "authorization" not in seen
        async with http.post("/echo", data=b"x" * 1_000_000, headers=_TASK) as response:
            assert response.status == 403
            assert (await response.json())["detail"] == "not you"
    await gateway.close()


async def test_a_compressed_body_arrives_as_it_was_sent(http: aiohttp.ClientSession) -> None:
    async with http.post("/echo", data=b"\x1f\x8bxyz", headers={"Content-Encoding": "gzip"}) as response:
        assert (await response.json())["size"] == 5


async def test_an_answer_streams_while_it_is_made(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    next_piece = tmp_path / "next"
    async with http.get("/drip", params={"next": str(next_piece)}) as response:
        assert await response.content.readany() == b"first"
        next_piece.touch()
        assert await response.content.read() == b"second"


async def test_an_answer_that_is_cut_off_does_not_look_complete(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    next_piece = tmp_path / "next"
    async with http.get("/drip", params={"next": str(next_piece), "die": ""}) as response:
        assert await response.content.readany() == b"first"
        next_piece.touch()
        with pytest.raises(aiohttp.ClientError):
            await response.content.read()


async def test_a_refusal_before_the_body_is_read_gets_through(http: aiohttp.ClientSession) -> None:
    async with http.post("/refuse", data=b"x" * 10_000_000) as response:
        assert response.status == 413
        assert await response.json() == {"detail": "no"}


async def test_a_body_is_bounded_whether_or_not_its_length_is_told(http: aiohttp.ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1_000_000 + 1):
            yield b"x" * 1_000_000

    for body in (b"x" * (MAX_BODY_BYTES + 1), pieces()):
        async with http.post("/echo", data=body) as response:
            assert response.status == 413
            assert response.content_type == "application/problem+json"


async def test_an_unknown_function_answers_404_with_the_known_ones(http: aiohttp.ClientSession) -> None:
    async with http.get("/ecko/x") as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
        assert (await response.json())["functions"] == ["drip", "echo", "hang", "refuse"]


async def test_a_request_in_flight_gets_502_when_the_process_is_killed(
    http: aiohttp.ClientSession, supervisor: Supervisor, tmp_path: Path
) -> None:
    for method in ("GET", "POST"):
        reached = tmp_path / method
        hanging = asyncio.create_task(http.request(method, "/hang", params={"reached": str(reached)}))
        await until(reached.exists)
        await supervisor.kill()
        async with await hanging as response:
            assert response.status == 502
            assert response.content_type == "application/problem+json"


async def test_a_request_waits_for_the_process_to_come_back(
    http: aiohttp.ClientSession, supervisor: Supervisor
) -> None:
    async with http.get("/echo") as response:
        before = (await response.json())["pid"]
    killing = asyncio.create_task(supervisor.kill())
    await asyncio.sleep(0)  # let it begin
    async with http.get("/echo") as response:
        assert response.status == 200
        assert (await response.json())["pid"] != before
    await killing


@pytest.mark.parametrize("delivery", [_TASK, _EVENT])
async def test_a_planned_crash_hits_the_delivery_and_nothing_else(
    http: aiohttp.ClientSession, gateway: Gateway, supervisor: Supervisor, delivery: dict[str, str]
) -> None:
    before = supervisor.restarts
    gateway.set_crashes({"crash_rate": 1.0, "seed": 7})
    async with http.post("/echo", headers=delivery) as response:
        assert response.status == 502
    assert supervisor.restarts == before + 1
    async with http.post("/echo", headers={"traceparent": _EVENT["traceparent"]}) as response:
        assert response.status == 200
    gateway.set_crashes({})
    async with http.post("/echo", headers=delivery) as response:
        assert response.status == 200


async def test_a_client_that_leaves_is_no_error_of_ours(
    http: aiohttp.ClientSession, supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    next_piece = tmp_path / "next"
    async with http.get("/drip", params={"next": str(next_piece)}) as response:
        await response.content.readany()
        response.close()
    next_piece.touch()
    async with http.get("/echo") as response:
        assert response.status == 200
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]
