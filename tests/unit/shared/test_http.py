"""What every HTTP function has in common, seen from outside Functions Framework."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import functions_framework.aio
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from shared.http import http_app

LIMIT = 64
PROBLEM = "application/problem+json"


def deployed() -> Any:
    source = Path(__file__).with_name("shop_function.py")
    return functions_framework.aio.create_asgi_app(target="shop", source=str(source))


@pytest.fixture
async def shop() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=deployed()), base_url="http://shop.example"
    ) as client:
        yield client


class Log(logging.Handler):
    """The lines that are logged while the test runs."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def log() -> Iterator[Log]:
    """What the HTTP edge logs, apart from what the test's own client does."""
    log, logger = Log(), logging.getLogger("shared.http")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(log)
    yield log
    logger.removeHandler(log)
    logger.setLevel(level)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body that is streamed, so that no Content-Length declares its size."""
    for start in range(0, len(body), 10):
        yield body[start : start + 10]


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["type"].removeprefix("urn:backstock:problem:")


async def test_a_valid_body_gets_its_answer(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/items", json={"sku": "A"})
    assert (answer.status_code, answer.json()) == (201, {"sku": "A"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["location"] == "/items/1"


async def test_times_are_answered_in_rfc_3339(shop: httpx.AsyncClient) -> None:
    assert (await shop.get("/trace")).json()["at"] == "2026-10-30T08:00:00+00:00"


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
async def test_json_is_taken_by_any_of_its_names(shop: httpx.AsyncClient, media_type: str) -> None:
    answer = await shop.post("/items", content=b'{"sku": "A"}', headers={"Content-Type": media_type})
    assert answer.status_code == 201


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "text/json"}])
async def test_what_is_not_sent_as_json_is_415(shop: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await shop.post("/items", content=b'{"sku": "A"}', headers=headers)
    assert problem_of(answer) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"{", (400, "malformed-json")),
        (b"", (400, "malformed-json")),
        (b"{}", (422, "validation-failed")),
        (b"[]", (422, "validation-failed")),
    ],
)
async def test_what_is_no_valid_item_is_refused(
    shop: httpx.AsyncClient, body: bytes, refused: tuple[int, str]
) -> None:
    answer = await shop.post("/items", content=body, headers={"Content-Type": "application/json"})
    assert problem_of(answer) == refused


@pytest.mark.parametrize(("size", "status"), [(0, 200), (LIMIT, 200), (LIMIT + 1, 413), (10 * LIMIT, 413)])
async def test_a_body_is_bounded_by_its_declared_length(
    shop: httpx.AsyncClient, size: int, status: int
) -> None:
    assert (await shop.put("/size", content=b"x" * size)).status_code == status


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
async def test_a_body_of_undeclared_length_is_bounded_too(
    shop: httpx.AsyncClient, size: int, status: int
) -> None:
    assert (await shop.put("/size", content=in_pieces(b"x" * size))).status_code == status


@pytest.mark.parametrize("declared", ["3", "-1", "many", b"\xb2"])
async def test_a_declared_length_that_lies_does_not_help(
    shop: httpx.AsyncClient, declared: str | bytes
) -> None:
    answer = await shop.put(
        "/size", content=in_pieces(b"x" * (LIMIT + 1)), headers={"Content-Length": declared}
    )
    assert problem_of(answer) == (413, "body-too-large")


async def test_of_a_longer_body_no_more_is_read_than_the_limit(shop: httpx.AsyncClient) -> None:
    read = 0

    async def long_body() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 100 * LIMIT:
            read += 10
            yield b"x" * 10

    answer = await shop.put("/size", content=long_body())
    assert problem_of(answer) == (413, "body-too-large")
    assert read <= LIMIT + 20


async def test_a_path_that_is_not_there_is_404(shop: httpx.AsyncClient) -> None:
    for path in ("/", "/nothing", "/items/", "//items"):
        assert problem_of(await shop.get(path)) == (404, "not-found")


async def test_a_method_that_is_not_there_is_405_and_says_which_are(shop: httpx.AsyncClient) -> None:
    answer = await shop.delete("/items")
    assert problem_of(answer) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_a_problem_is_answered_as_it_was_raised(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/fail/problem")
    assert problem_of(answer) == (409, "version-moved")
    assert answer.headers["etag"] == '"7"'


@pytest.mark.parametrize(
    "fault",
    [
        "transient",
        "service-unavailable",
        "deadline-exceeded",
        "aborted",
        "resource-exhausted",
        "retry-error",
        "timeout",
    ],
)
async def test_what_may_pass_is_503_with_a_time_to_come_back(shop: httpx.AsyncClient, fault: str) -> None:
    answer = await shop.get(f"/fail/{fault}")
    assert problem_of(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "hunter2" not in answer.text


async def test_who_waits_for_a_service_that_does_not_answer_is_told_so_in_time() -> None:
    async def wait_for_ever(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = http_app([Route("/", wait_for_ever, methods=["GET"])], within=0.01)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        answer = await client.get("/")
    assert problem_of(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_an_answer_that_has_begun_takes_as_long_as_it_takes() -> None:
    read = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"slow"
        await read.wait()
        yield b"ly"

    async def begin(_: Request) -> Response:
        asyncio.get_running_loop().call_later(0.6, read.set)
        return StreamingResponse(body())

    app = http_app([Route("/", begin, methods=["GET"])], within=0.5)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        assert (await client.get("/")).text == "slowly"


@pytest.mark.parametrize("fault", ["crash", "permanent"])
async def test_a_crash_is_500_and_tells_the_log_alone_why(
    shop: httpx.AsyncClient, log: Log, fault: str
) -> None:
    answer = await shop.get(f"/fail/{fault}", headers={"X-Cloud-Trace-Context": f"{'7' * 32}/1"})
    assert problem_of(answer) == (500, "internal-error")
    assert "hunter2" not in answer.text
    assert answer.json()["trace"] == "7" * 32
    crashed, request = log.records
    assert crashed.exc_info
    assert "hunter2" in str(crashed.exc_info[1])
    assert request.levelname == "WARNING"


async def test_a_request_is_one_line_in_the_log(shop: httpx.AsyncClient, log: Log) -> None:
    await shop.get("/nothing?q=customer@example.com", headers={"User-Agent": "curl/8"})
    (line,) = log.records
    entry = vars(line)["httpRequest"]
    latency = entry.pop("latency")
    assert entry == {
        "requestMethod": "GET",
        "requestUrl": "/nothing",
        "status": 404,
        "userAgent": "curl/8",
        "remoteIp": "127.0.0.1",
    }
    assert 0 <= float(latency.removesuffix("s")) < 60
    assert line.levelname == "INFO"


@pytest.mark.parametrize("host", ["[", "a b", "", "http://["])
async def test_a_malformed_host_does_no_harm(shop: httpx.AsyncClient, log: Log, host: str) -> None:
    answer = await shop.post("/items", json={"sku": "A"}, headers={"Host": host})
    assert answer.status_code == 201
    assert len(log.records) == 1


async def test_a_client_that_hangs_up_is_no_fault_of_ours(log: Log) -> None:
    parts = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/size",
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def send(message: object) -> None:
        pytest.fail("nobody is there to answer")

    await deployed()(scope, receive, send)
    assert [record.levelname for record in log.records] == ["INFO"]


async def test_requests_at_once_keep_their_traces_apart(shop: httpx.AsyncClient) -> None:
    sent = [f"{number:032x}" for number in range(1, 21)]
    answers = await asyncio.gather(
        *(shop.get("/trace", headers={"traceparent": f"00-{trace_id}-{'1' * 16}-01"}) for trace_id in sent)
    )
    assert [answer.json()["trace"] for answer in answers] == sent
