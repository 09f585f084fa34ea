"""How the command line asks for more than one request gives, and what it says when it is not answered well."""

from collections.abc import Callable

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.ops.client import CHUNK, ApiError, OpsClient, connect
from functions.ops.operations_client import OperationsClient
from functions.ops.replay import MAX_LETTERS
from tests.unit.ops.desk import MOST, Desk, letter_id


def client(transport: httpx.BaseTransport) -> OpsClient:
    return OpsClient(httpx.Client(base_url="https://shop.example/ops", transport=transport))


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (100, 100), (101, 101), (250, 250), (999, 250)])
def test_a_list_is_put_together_from_pages(limit: int, count: int) -> None:
    page = client(Desk(list(range(250)))).letters(limit)
    assert [shown.id for shown in page.dead_letters] == [letter_id(number) for number in range(count)]
    assert page.total == 250


def test_the_client_knows_the_most_that_one_request_may_ask_for() -> None:
    assert MOST == MAX_LETTERS


@example(total=400, most=400, bad=frozenset(range(0, 300, 2)), deadly=False)
@given(
    total=st.integers(0, 700),
    most=st.integers(0, 800),
    bad=st.frozensets(st.integers(0, 699), max_size=40)
    | st.builds(frozenset, st.builds(range, st.integers(0, 700))),
    deadly=st.booleans(),
)
def test_replaying_all_tries_the_oldest_and_none_twice(
    total: int, most: int, bad: frozenset[int], deadly: bool
) -> None:
    desk = Desk(list(range(total)), bad, deadly)
    most = min(most, total)
    chunks = list(client(desk).replay_all("returnSync", most))
    failed = [failure.id for chunk in chunks for failure in chunk.failed]
    tried = sorted([letter_id(number) for number in desk.replayed] + failed)
    assert tried == [letter_id(number) for number in range(len(tried))]
    assert len(tried) <= most
    if len(tried) < most:
        # A whole chunk that was not tried before has failed.
        assert (chunks[-1].replayed, len(chunks[-1].failed)) == (0, CHUNK)
    assert sum(chunk.replayed for chunk in chunks) == len(desk.replayed)


def test_a_chunk_of_which_none_can_be_replayed_is_the_last() -> None:
    desk = Desk(list(range(200)), frozenset(range(200)))
    (chunk,) = client(desk).replay_all("returnSync", 200)
    assert (chunk.replayed, len(chunk.failed), desk.limits) == (0, CHUNK, [CHUNK])


def answers(response: httpx.Response) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: response)


def fails(error: Callable[[str], httpx.HTTPError]) -> httpx.MockTransport:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("nobody home")

    return httpx.MockTransport(fail)


PROBLEM = {
    "type": "urn:backstock:problem:validation-failed",
    "title": "Validation failed",
    "status": 422,
    "detail": "1 field(s) are not valid.",
    "errors": [{"field": "limit", "detail": "Input should be less than or equal to 500"}],
    "trace": "0" * 32,
}


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        (fails(httpx.ConnectError), "Nothing answers at https://shop.example/ops/"),
        (fails(httpx.ReadTimeout), "look before trying again"),
        (fails(httpx.RemoteProtocolError), "Look what was done"),
        (answers(httpx.Response(422, json=PROBLEM)), "  limit: Input should be less than or equal to 500"),
        (answers(httpx.Response(422, json=PROBLEM)), f"Trace: {'0' * 32}"),
        (answers(httpx.Response(502, html="<h1>Bad gateway</h1>")), "answered 502"),
        (answers(httpx.Response(302, headers={"Location": "/login"})), "answered 302"),
        (answers(httpx.Response(200, html="<h1>Welcome</h1>")), "Is BASE_URL right?"),
        (answers(httpx.Response(200, json={"id": "1"})), "Is BASE_URL right?"),
        (answers(httpx.Response(200, content=b"\xff")), "Is BASE_URL right?"),
    ],
)
def test_an_answer_that_is_none_is_put_in_words(transport: httpx.BaseTransport, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        client(transport).letter("0" * 32)
    assert words in str(caught.value)


def test_what_is_wrong_with_several_fields_together_is_a_sentence() -> None:
    together = {"field": "", "detail": "Value error, start_date is after end_date"}
    refusal = httpx.Response(422, json=PROBLEM | {"errors": [together]})
    with pytest.raises(ApiError) as caught:
        client(answers(refusal)).letter("0" * 32)
    assert str(caught.value).splitlines()[1] == "  start_date is after end_date"
    assert caught.value.status == 422


@pytest.mark.parametrize("base_url", ["", "shop.example", "ftp://shop.example", "http://", "https://a:b"])
def test_what_is_no_address_is_refused(base_url: str) -> None:
    with pytest.raises(ApiError, match="BASE_URL"):
        connect(base_url, "token", "ops")


@pytest.mark.parametrize("token", ["olé", "two\nlines", "\x00"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="TOKEN"):
        connect("https://shop.example", token, "ops")


def test_a_slash_at_the_end_of_the_address_does_no_harm() -> None:
    for base_url in ("https://shop.example/api", "https://shop.example/api/"):
        with connect(base_url, "token", "ops") as http:
            assert (
                str(http.build_request("GET", "/dead-letters").url)
                == "https://shop.example/api/ops/dead-letters"
            )


def test_an_id_cannot_lead_to_another_address() -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(404)

    http = httpx.Client(base_url="https://shop.example/ops", transport=httpx.MockTransport(note))
    for given_id in ("../products", "a?b", "a#b", ".", ".."):
        with pytest.raises(ApiError):
            OpsClient(http).letter(given_id)
        with pytest.raises(ApiError):
            OperationsClient(http).store(given_id)
    assert {path.rpartition("/")[0] for path in seen} == {"/ops/dead-letters", "/ops/stores"}
    assert not any("?" in path for path in seen)
