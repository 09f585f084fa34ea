"""Who gets in, for how long, and what keeps others out."""

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from tests.integration.ops.console.conftest import Visitor, readable

PAGES = (
    "",
    "/console/runs",
    "/console/dead-letters",
    "/console/audits",
    "/console/actions",
    "/console/nothing",
)


async def test_who_has_not_signed_in_is_asked_to_and_led_back(
    stranger: Visitor, token: Callable[..., str]
) -> None:
    for path in PAGES:
        answer = await stranger.http.get(f"/ops{path}")
        assert (answer.status_code, answer.text) == (303, ""), path
        assert urlsplit(answer.headers["location"]).path == "/ops/console/sign-in"
    answer = await stranger.http.get("/ops/console/runs?kind=audit")
    form = await stranger.http.get(answer.headers["location"])
    assert 'name="next" value="/ops/console/runs?kind=audit"' in form.text
    signed_in = await stranger.sign_in(token("ops"), "/ops/console/runs?kind=audit")
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/ops/console/runs?kind=audit")
    assert "All runs" in await stranger.page("")


async def test_the_token_is_kept_where_no_script_and_no_other_site_reaches_it(
    stranger: Visitor, token: Callable[..., str]
) -> None:
    cookie = (await stranger.sign_in(f"  Bearer {token('ops')}\r\n")).headers["set-cookie"]
    attributes = {each.strip().lower() for each in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/ops"} < attributes
    (lasts,) = (int(each.partition("=")[2]) for each in attributes if each.startswith("max-age="))
    assert 500 < lasts <= 600


async def test_only_operators_are_let_in(stranger: Visitor, token: Callable[..., str]) -> None:
    for wrong, status, why in (
        (token("seller", "warehouse", "retailer"), 403, "This needs the role ops."),
        ("no token", 401, "The token is not valid"),
        ("", 401, "The token is not valid"),
        (token("ops")[:-10] + "AAAAAAAAAA", 401, "The token is not valid"),
        ("x" * 4_000, 422, "no browser keeps so much"),
    ):
        answer = await stranger.sign_in(wrong)
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)
        assert why in readable(answer.text)
    assert (await stranger.http.get("/ops")).status_code == 303


async def test_a_cookie_of_somebody_else_shows_nothing_and_does_nothing(
    stranger: Visitor, token: Callable[..., str]
) -> None:
    stranger.http.cookies.set("backstock-session", token("seller"))
    for path in PAGES:
        answer = await stranger.http.get(f"/ops{path}")
        assert answer.status_code == 403
        assert "Sign out" not in answer.text
        assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert (await stranger.send("/console/do/queue.pause", {"name": "returnSync"})).status_code == 403


async def test_a_session_ends_with_its_token(stranger: Visitor, cloud: Cloud) -> None:
    claims = {"aud": AUDIENCE, "sub": "olga", "roles": ["ops"]}
    stranger.http.cookies.set("backstock-session", cloud.users.mint(claims, -60))
    answer = await stranger.http.get("/ops/console/audits")
    assert answer.status_code == 303
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert "Your session has ended." in (await stranger.http.get(answer.headers["location"])).text


async def test_nobody_is_led_astray(stranger: Visitor, token: Callable[..., str]) -> None:
    for there in ("https://evil.example/", "//evil.example/ops", "/products", "/ops/../products"):
        assert (await stranger.sign_in(token("ops"), there)).headers["location"] == "/ops"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_no_other_site_signs_anybody_in(
    stranger: Visitor, token: Callable[..., str], site: str
) -> None:
    answer = await stranger.sign_in(token("ops"), **{"Sec-Fetch-Site": site})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_signing_out_ends_the_session_and_only_a_form_of_ours_does(visitor: Visitor) -> None:
    assert (await visitor.send("/console/sign-out", {"form_token": "0"})).status_code == 403
    assert (await visitor.http.get("/ops/console/sign-out")).status_code == 404
    assert "Signed in as olga" in await visitor.text("")
    answer = await visitor.send("/console/sign-out", {"form_token": await visitor.form_token()})
    assert answer.status_code == 303
    assert "You are signed out." in (await visitor.http.get(answer.headers["location"])).text
    assert (await visitor.http.get("/ops")).status_code == 303


async def test_who_signs_in_is_written_down(visitor: Visitor) -> None:
    assert "session: sign in olga" in await visitor.text("/console/actions")


async def test_one_can_sign_in_and_look_while_nothing_can_be_written(
    stranger: Visitor, token: Callable[..., str], functions: str
) -> None:
    async with httpx.AsyncClient(base_url=functions) as controls:
        faults = {"firestore": {"write_exhausted_rate": 1}}
        (await controls.put("/_local/faults", json=faults)).raise_for_status()
        assert (await stranger.sign_in(token("ops"))).status_code == 303
        assert "Runs of the returns sync" in await stranger.page("")
        (await controls.put("/_local/faults", json={})).raise_for_status()
