"""Whatever happens behind the door is answered with a page."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import unquote, urlencode

import pytest
from google.api_core.exceptions import ServiceUnavailable
from starlette.requests import Request
from starlette.responses import Response

from functions.ops.console.door import Door
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.session import Sessions
from functions.ops.console.static_files import StaticFiles
from shared.auth import Authenticator, Principal
from tests.unit.shared.examples import a_deployment

BASE_URL = "http://127.0.0.1:8080"
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


class Tokens:
    """Takes any token for an operator's."""

    async def user_with(self, token: str) -> tuple[Principal, datetime]:
        return Principal("olga", None, frozenset({"ops"})), NOW + timedelta(hours=1)


def a_door() -> Door:
    sessions = Sessions(cast("Authenticator", Tokens()), BASE_URL, lambda: NOW)
    pages = Pages(a_deployment(), sessions.path, StaticFiles(sessions.path), lambda: NOW)
    return Door(sessions, pages, BASE_URL, lambda: NOW)


def visit(
    method: str = "GET",
    query: bytes = b"",
    cookie: bytes = b"backstock-session=t",
    site: bytes = b"none",
    path: bytes = b"/console/do/x",
) -> Request:
    addressed = {"path": unquote(path.decode()), "raw_path": path, "query_string": query}
    scope = {"type": "http", "method": method, **addressed}
    return Request({**scope, "headers": [(b"cookie", cookie), (b"sec-fetch-site", site)]})


async def never(visit: Visit) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def test_who_waits_too_long_is_told_on_a_page() -> None:
    answer = await a_door().page(never, within=0.01)(visit())
    assert (answer.status_code, answer.media_type) == (503, "text/html")
    assert b"The overview says which." in bytes(answer.body)


async def test_a_service_that_is_down_is_told_on_a_page() -> None:
    async def down(visit: Visit) -> Response:
        raise ServiceUnavailable("down")

    assert (await a_door().page(down)(visit())).status_code == 503


async def test_an_error_of_ours_is_told_without_its_text() -> None:
    async def broken(visit: Visit) -> Response:
        raise RuntimeError("secret")

    answer = await a_door().page(broken)(visit())
    assert (answer.status_code, b"secret" in bytes(answer.body)) == (500, False)


async def test_whose_session_ended_before_a_form_was_sent_comes_back_to_the_question() -> None:
    answer = await a_door().page(never)(visit("POST", b"name=returnSync&back=%2Fops", b""))
    assert answer.headers["location"] == (
        "/ops/console/sign-in?next=%2Fops%2Fconsole%2Fdo%2Fx%3Fname%3DreturnSync%26back%3D%252Fops"
    )


async def test_who_follows_a_link_of_another_site_goes_on_by_a_page_of_ours_with_the_session_kept() -> None:
    answer = await a_door().page(never)(visit(query=b"name=a", cookie=b"", site=b"cross-site"))
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert answer.headers["refresh"] == "0; url=/ops/console/do/x?name=a"


@pytest.mark.parametrize("site", [b"none", b"cross-site"])
@pytest.mark.parametrize(
    "path", [b"/console/runs/sync/%E4%BD%A0", b"/console/runs/sync/a%3Fb%25", b"/console/%0A"]
)
async def test_an_address_is_kept_as_it_was_written(site: bytes, path: bytes) -> None:
    answer = await a_door().page(never)(visit(query=b"n=%E4", cookie=b"", site=site, path=path))
    there = f"/ops{path.decode()}?n=%E4"
    if site == b"cross-site":
        assert answer.headers["refresh"] == f"0; url={there}"
    else:
        assert answer.headers["location"] == f"/ops/console/sign-in?{urlencode({'next': there})}"


async def test_bytes_that_no_address_has_are_encoded() -> None:
    answer = await a_door().page(never)(visit(cookie=b"", site=b"cross-site", path="/console/你".encode()))
    assert answer.headers["refresh"] == "0; url=/ops/console/%E4%BD%A0"


async def test_a_form_of_another_site_ends_no_session() -> None:
    answer = await a_door().page(never)(visit("POST", cookie=b"", site=b"cross-site"))
    assert (answer.status_code, "set-cookie" in answer.headers) == (303, False)
