"""What each answer of the supply-chain API means for a delivery."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.supply_chain import upstream
from functions.supply_chain.upstream import SupplyChainApi, UnknownOutcomeError
from shared.errors import PermanentError, RetryAfterError, TransientError
from tests.unit.supply_chain.examples import NOW, event

Answering = Callable[[httpx.Request], httpx.Response]
LONGEST_REST = 28_800

HEALING = [401, 403, 407, 408, 421, 423, 424, 425, 429]
REFUSALS = [status for status in range(400, 500) if status not in {*HEALING, 409, 412}]


def answer(status: int = 200, content: Any = b"", **headers: str) -> httpx.Response:
    """An answer as it comes over a network: not read yet."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))


def api(answering: Answering) -> SupplyChainApi:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answering), base_url="https://partner.example/v1")
    return SupplyChainApi(http, lambda: NOW)


async def deliver(response: httpx.Response) -> None:
    """Deliver version 3 to an API that answers so."""
    await api(lambda _: response).deliver(event(3), {"id": "p1"})


async def deliver_in_conflict(read: httpx.Response) -> None:
    """Deliver version 3 to an API that says 409, and ``read`` when it is asked what it has."""
    conflict = answer(409, {"detail": "no, thanks"})
    await api(lambda request: conflict if request.method == "POST" else read).deliver(event(3), None)


class Endless(httpx.AsyncByteStream):
    """A body that comes byte by byte and never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0)


class Silent(httpx.AsyncByteStream):
    """A body that does not come."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()


# The request


async def test_a_version_is_sent_with_what_lets_the_api_tell_repetitions_and_order() -> None:
    sent: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer(201, {"id": "p1", "version": 3})

    await api(keep).deliver(event(3), {"id": "p1", "product_price": "12.50"})
    (request,) = sent
    assert (request.method, str(request.url)) == ("POST", "https://partner.example/v1/products/p1")
    assert request.headers["Idempotency-Key"] == "p1:3"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["traceparent"]
    assert orjson.loads(request.content) == {
        "id": "p1",
        "version": 3,
        "type": "product:updated",
        "product": {"id": "p1", "product_price": "12.50"},
        "occurred_at": NOW.isoformat(),
    }


async def test_two_sendings_of_a_version_are_the_same_to_the_byte() -> None:
    sent: list[bytes] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return answer()

    for attempts in (1, 7):
        await api(keep).deliver(event(3, attempts=attempts, series=attempts), {"id": "p1"})
    assert sent[0] == sent[1]


# Success


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("content", [b"", {}, {"id": "p1"}, {"version": 3}, {"version": "3"}, {"version": 4}])
async def test_a_success_is_believed(status: int, content: Any) -> None:
    await deliver(answer(status, content))


@pytest.mark.parametrize(
    "content",
    [b"<html>Welcome to the proxy", b'{"id": "', b"\xff", b"null", b"[3]", b'"3"', {"version": None}],
)
async def test_a_success_that_is_no_json_object_is_not_believed(content: Any) -> None:
    with pytest.raises(UnknownOutcomeError):
        await deliver(answer(200, content))


@pytest.mark.parametrize("version", ['"latest"', "[]", "{}", "1e400", "9" * 5_000])
async def test_a_success_with_a_version_that_is_none_is_not_believed(version: str) -> None:
    with pytest.raises(TransientError):
        await deliver(answer(200, f'{{"version": {version}}}'.encode()))


async def test_a_success_that_names_an_older_version_is_none() -> None:
    with pytest.raises(TransientError, match="version 2"):
        await deliver(answer(200, {"version": 2}))


# Failure


@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal_is_for_good_and_says_why(status: int) -> None:
    with pytest.raises(PermanentError, match=f"{status}.*not wanted"):
        await deliver(answer(status, {"detail": "not wanted"}))


@pytest.mark.parametrize("status", HEALING)
async def test_what_may_heal_is_tried_again(status: int) -> None:
    with pytest.raises(TransientError, match=str(status)):
        await deliver(answer(status, {"detail": "not now"}))


@pytest.mark.parametrize("status", [*range(500, 512), 520, 599])
async def test_an_error_of_the_api_is_tried_again(status: int) -> None:
    with pytest.raises(TransientError, match=str(status)):
        await deliver(answer(status, b"oops"))


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirection_is_not_followed(status: int) -> None:
    asked: list[str] = []

    def redirecting(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer(status, location="https://elsewhere.example/")

    with pytest.raises(TransientError, match=str(status)):
        await api(redirecting).deliver(event(), None)
    assert len(asked) == 1


async def test_a_long_answer_is_not_quoted_whole() -> None:
    with pytest.raises(PermanentError) as refused:
        await deliver(answer(422, b"no " * 10_000))
    assert len(str(refused.value)) < 500


# Asked to wait


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1),
        ("60", 60),
        ("0060", 60),
        (str(LONGEST_REST), LONGEST_REST),
        (str(LONGEST_REST + 1), LONGEST_REST),
        ("9" * 5_000, LONGEST_REST),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), 300),
        ("Fri, 20 Nov 2026 13:05:00 +0100", 300),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), LONGEST_REST),
    ],
)
async def test_the_api_is_left_alone_for_as_long_as_it_asks_and_at_most_for_eight_hours(
    status: int, header: str, seconds: int
) -> None:
    with pytest.raises(RetryAfterError, match=str(status)) as asked:
        await deliver(answer(status, retry_after=header))
    assert asked.value.seconds == seconds


@pytest.mark.parametrize(
    "header",
    [
        *("", "0", "-5", "1.5", "soon", "1e3", "٣", "60 s", "Fri, 99 Nov 2026 12:05:00 GMT"),
        *("Fri, 20 Nov 99999999999 12:05:00 GMT", "Fri, 20 Nov 2026 12:05:00 +99999999999"),
        format_datetime(NOW - timedelta(minutes=5), usegmt=True),
    ],
)
async def test_a_wish_that_makes_no_sense_leaves_it_to_the_queue(header: str) -> None:
    with pytest.raises(TransientError) as failed:
        await deliver(
            httpx.Response(429, headers=[(b"Retry-After", header.encode())], stream=httpx.ByteStream(b""))
        )
    assert not isinstance(failed.value, RetryAfterError)


@settings(max_examples=50)
@given(
    st.one_of(st.binary(max_size=60), st.from_regex(rb"\w{3}, \d{1,12} \w{3} \d{1,12} \d+:\d+:\d+ [+-]?\w+"))
)
async def test_no_wish_however_odd_breaks_a_delivery(header: bytes) -> None:
    response = httpx.Response(503, headers=[(b"Retry-After", header)], stream=httpx.ByteStream(b""))
    with pytest.raises(TransientError) as failed:
        await deliver(response)
    if isinstance(failed.value, RetryAfterError):
        assert 1 <= failed.value.seconds <= LONGEST_REST


@pytest.mark.parametrize("status", [500, 502, 504, 401])
async def test_only_those_who_rest_are_asked_when_they_are_back(status: int) -> None:
    with pytest.raises(TransientError) as failed:
        await deliver(answer(status, retry_after="60"))
    assert not isinstance(failed.value, RetryAfterError)


# No answer


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout])
async def test_a_request_that_never_left_is_known_to_have_had_no_effect(error: type[httpx.HTTPError]) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise error("no route")

    with pytest.raises(TransientError) as failed:
        await api(unreachable).deliver(event(), None)
    assert not isinstance(failed.value, UnknownOutcomeError)


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError],
)
async def test_of_a_request_without_an_answer_nothing_is_known(error: type[httpx.HTTPError]) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise error("gone")

    with pytest.raises(UnknownOutcomeError):
        await api(silent).deliver(event(), None)


@pytest.mark.parametrize("body", [Silent, Endless])
async def test_an_answer_that_takes_for_ever_is_none(
    monkeypatch: pytest.MonkeyPatch, body: type[httpx.AsyncByteStream]
) -> None:
    monkeypatch.setattr(upstream, "REQUEST_SECONDS", 0.02)
    async with asyncio.timeout(5):
        with pytest.raises(UnknownOutcomeError):
            await deliver(httpx.Response(200, stream=body()))


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    read = 0

    class Huge(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            while read < 10_000:
                read += 1
                yield b" " * 1024

    with pytest.raises(UnknownOutcomeError):
        await deliver(httpx.Response(200, stream=Huge()))
    assert read < 100


async def test_an_answer_that_is_compressed_against_our_wish_is_not_unpacked() -> None:
    with pytest.raises(UnknownOutcomeError):
        await deliver(answer(200, gzip.compress(b'{"version": 3}'), content_encoding="gzip"))


# Conflict


@pytest.mark.parametrize("status", [409, 412])
async def test_a_version_that_the_api_has_already_is_delivered(status: int) -> None:
    def has_it(request: httpx.Request) -> httpx.Response:
        return answer(status) if request.method == "POST" else answer(200, {"id": "p1", "version": 3})

    await api(has_it).deliver(event(3), None)


@pytest.mark.parametrize("remote", [4, 1_000])
async def test_a_version_that_somebody_else_has_written_there_is_not_taken_for_ours(remote: int) -> None:
    with pytest.raises(PermanentError, match=f"has version {remote}"):
        await deliver_in_conflict(answer(200, {"id": "p1", "version": remote}))


@pytest.mark.parametrize(
    "read",
    [
        answer(200, {"version": 2}),
        answer(404),
        answer(500),
        answer(401),
        answer(302),
    ],
    ids=["older", "missing", "broken", "unauthorised", "moved"],
)
async def test_an_api_that_contradicts_itself_is_asked_again(read: httpx.Response) -> None:
    with pytest.raises(TransientError):
        await deliver_in_conflict(read)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"{}", b"[]", b"3", b'{"version": null}', b'{"version": "new"}', b'{"version": 1e400}'],
)
async def test_an_api_that_refuses_and_babbles_is_asked_again(content: bytes) -> None:
    with pytest.raises(TransientError):
        await deliver_in_conflict(answer(200, content))


async def test_an_api_that_refuses_and_then_rests_is_left_alone() -> None:
    with pytest.raises(RetryAfterError):
        await deliver_in_conflict(answer(429, retry_after="60"))
