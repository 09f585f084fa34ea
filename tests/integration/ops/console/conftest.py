"""A browser without scripts, on the operators' page."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from html import unescape

import httpx
import pytest

from tests.integration.ops.conftest import Headers

_FORM_TOKEN = re.compile(r'name="form_token" value="(\w+)"')


@dataclass
class Visitor:
    """Somebody with a browser: it keeps cookies, says where forms come from, and follows no redirect by itself."""

    http: httpx.AsyncClient
    token: str = ""

    async def sign_in(self, token: str, then: str = "", **headers: str) -> httpx.Response:
        own = {"Sec-Fetch-Site": "same-origin"} | headers
        return await self.http.post("/ops/console/sign-in", data={"token": token, "next": then}, headers=own)

    async def page(self, path: str, **query: str) -> str:
        """The HTML of a page, which must be there."""
        answer = await self.http.get(f"/ops{path}", params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def text(self, path: str, **query: str) -> str:
        """What can be read on a page, in one line."""
        return readable(await self.page(path, **query))

    async def form_token(self) -> str:
        """That of the session, from a form."""
        found = _FORM_TOKEN.search(await self.page("/console/actions"))
        assert found
        return found[1]

    async def do(self, act: str, /, back: str = "/ops", **values: str) -> httpx.Response:
        """Ask for an act and confirm it."""
        asked = await self.http.get(f"/ops/console/do/{act}", params=values)
        assert asked.status_code == 200, asked.text
        return await self.send(
            f"/console/do/{act}", {**values, "back": back, "form_token": await self.form_token()}
        )

    async def send(self, path: str, form: dict[str, str], site: str = "same-origin") -> httpx.Response:
        """Send a form as a browser does."""
        return await self.http.post(f"/ops{path}", data=form, headers={"Sec-Fetch-Site": site})


def readable(html: str) -> str:
    """The text of a page without its tags, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))).split())


@pytest.fixture
def token(bearer: Callable[..., Headers]) -> Callable[..., str]:
    """Makes tokens of users with certain roles."""
    return lambda *roles, sub="olga": bearer(*roles, sub=sub)["Authorization"].removeprefix("Bearer ")


@pytest.fixture
async def stranger(functions: str) -> AsyncIterator[Visitor]:
    """Somebody who has not signed in."""
    async with httpx.AsyncClient(base_url=functions, timeout=30) as http:
        yield Visitor(http)


@pytest.fixture
async def visitor(stranger: Visitor, token: Callable[..., str]) -> Visitor:
    """An operator who has signed in."""
    assert (await stranger.sign_in(token("ops"))).status_code == 303
    return stranger
