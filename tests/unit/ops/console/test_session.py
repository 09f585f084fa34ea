"""The session's cookie, and the headers of a deployment as it is on Google Cloud."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from functions.ops.console.headers import security_headers
from functions.ops.console.session import MAX_TOKEN_BYTES, Session, Sessions
from shared.auth import Authenticator, Principal
from shared.problems import Problem
from tests.unit.shared.examples import a_deployment

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
OPERATOR = Principal("olga", None, frozenset({"ops"}))


class Tokens:
    """Knows some tokens, in place of their issuer."""

    def __init__(self, known: Mapping[str, Principal]) -> None:
        self._known = known

    async def user_with(self, token: str) -> tuple[Principal, datetime]:
        if token not in self._known:
            raise Problem(401, "unauthorized", "The token is not valid.")
        return self._known[token], NOW + timedelta(hours=1)


def sessions(base_url: str, **known: Principal) -> Sessions:
    return Sessions(cast("Authenticator", Tokens(known)), base_url, lambda: NOW)


def cookie_of(base_url: str) -> tuple[str, dict[str, object]]:
    answer = Response()
    sessions(base_url).begin(answer, Session(OPERATOR, NOW + timedelta(minutes=30), "the.to-ken_1"))
    ((name, morsel),) = SimpleCookie(answer.headers["set-cookie"]).items()
    assert morsel.value == "the.to-ken_1"
    return name, dict(morsel)


def test_behind_https_the_cookie_can_only_come_from_there() -> None:
    name, attributes = cookie_of("https://europe-west1-shop.cloudfunctions.net")
    assert name == "__Secure-backstock-session"
    assert attributes["secure"]
    assert attributes["httponly"]
    assert (attributes["samesite"], attributes["path"], attributes["max-age"]) == ("strict", "/ops", "1800")
    assert not attributes["domain"]


@pytest.mark.parametrize(
    ("base_url", "path"),
    [("https://shop.example", "/ops"), ("https://shop.example/back/office", "/back/office/ops")],
)
def test_the_cookie_is_for_the_function_alone(base_url: str, path: str) -> None:
    assert cookie_of(base_url)[1]["path"] == path


def test_the_largest_cookie_is_one_that_browsers_keep() -> None:
    answer = Response()
    keeper = sessions("https://shop.example")
    keeper.begin(answer, Session(OPERATOR, NOW + timedelta(days=300), "x" * MAX_TOKEN_BYTES))
    assert len(answer.headers["set-cookie"]) <= 4_096


def visit(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


async def test_a_session_is_who_the_token_says() -> None:
    keeper = sessions("http://127.0.0.1:8080", good=OPERATOR)
    session = await keeper.of(visit("other=1; backstock-session=good"))
    assert session is not None
    assert (session.who, session.token) == ("olga", "good")


@pytest.mark.parametrize("cookie", ["", "other=good", "backstock-session=", "backstock-session=bad"])
async def test_without_a_good_token_there_is_none(cookie: str) -> None:
    assert await sessions("http://127.0.0.1:8080", good=OPERATOR).of(visit(cookie)) is None


async def test_who_is_no_operator_has_no_session() -> None:
    keeper = sessions("http://127.0.0.1:8080", good=Principal("sam", "acme", frozenset({"seller"})))
    with pytest.raises(Problem) as caught:
        await keeper.of(visit("backstock-session=good"))
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("settings", "pictures"),
    [
        ({"IMAGES_BUCKET": "shop-images"}, " https://storage.googleapis.com/shop-images/"),
        (
            {"IMAGES_BUCKET": "b", "IMAGES_URL": "https://cdn.shop.example/pictures"},
            " https://cdn.shop.example/pictures/",
        ),
        ({}, ""),
    ],
)
def test_pictures_come_from_us_and_from_the_public_bucket(settings: dict[str, str], pictures: str) -> None:
    policy = security_headers(a_deployment(**settings))["Content-Security-Policy"]
    assert f"; img-src 'self'{pictures};" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
