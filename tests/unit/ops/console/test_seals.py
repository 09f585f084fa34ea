"""Forms and notices are of one session, and nobody else can make them."""

import pytest
from starlette.requests import Request

from functions.ops.console.seals import (
    FORM_FIELD,
    form_token,
    notice_in,
    require_own_form,
    require_own_page,
    sealed_notice,
)
from shared.problems import Problem

BASE_URL = "https://shop.example/back"


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw})


@pytest.mark.parametrize("headers", [{"sec_fetch_site": "same-origin"}, {"origin": "https://shop.example"}])
def test_a_page_of_ours_is_believed(headers: dict[str, str]) -> None:
    require_own_page(request(**headers), BASE_URL)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "cross-site", "origin": "https://shop.example"},
        {"origin": "null"},
        {"origin": "http://shop.example"},
        {"origin": "https://shop.example.evil.example"},
        {"origin": "https://shop.example:8443"},
    ],
)
def test_any_other_is_not(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        require_own_page(request(**headers), BASE_URL)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "token", [None, "", "x", form_token("another session"), "é", form_token("mine")[:-1]]
)
def test_a_form_without_the_sessions_own_token_is_refused(token: str | None) -> None:
    form = {} if token is None else {FORM_FIELD: token}
    with pytest.raises(Problem) as caught:
        require_own_form(request(sec_fetch_site="same-origin"), form, "mine", BASE_URL)
    assert caught.value.status == 403


def test_the_sessions_own_form_is_taken() -> None:
    form = {FORM_FIELD: form_token("mine")}
    require_own_form(request(sec_fetch_site="same-origin"), form, "mine", BASE_URL)


def test_a_notice_is_shown_to_the_session_that_it_was_made_for() -> None:
    query = sealed_notice("mine", "It is done.")
    assert notice_in(query, "mine") == "It is done."
    assert notice_in(query, "another session") == ""


@pytest.mark.parametrize(
    "query", [{}, {"notice": "Call 555"}, {"notice": "Call 555", "seal": form_token("mine")}]
)
def test_a_notice_that_somebody_else_wrote_is_not_shown(query: dict[str, str]) -> None:
    assert notice_in(query, "mine") == ""


def test_a_notice_is_not_longer_than_a_link_may_be() -> None:
    query = sealed_notice("mine", "x" * 10_000)
    assert len(query["notice"]) == 500
    assert notice_in(query, "mine") == query["notice"]
