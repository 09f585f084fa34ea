"""Who gets in, what others see, and how long it lasts."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.browser.world import World
from tests.e2e.harness import LocalCloud

LETTERS = "/ops/console/dead-letters"
PAGES = (
    "/ops",
    "/ops/console/runs",
    LETTERS,
    "/ops/console/audits",
    "/ops/console/images?product=P1",
    "/ops/console/stores?store=milano",
    "/ops/console/actions",
    "/ops/console/do/schedule.pause?name=returnsUpdateCron",
)


def expect_nothing_shown(desk: Desk) -> None:
    """None of what operators see, nor a way to it."""
    expect(desk.page.get_by_role("navigation")).to_have_count(0)
    expect(desk.page.locator("table, #health, #sign-out")).to_have_count(0)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 5000])
def test_a_token_that_is_none_is_refused_with_the_reason(open_desk: OpenDesk, token: str) -> None:
    desk = open_desk()
    desk.go("/ops")
    desk.present(token)
    expect(desk.page.get_by_role("alert")).to_be_visible()
    expect(desk.token_box).to_be_visible()
    expect_nothing_shown(desk)
    assert desk.page.context.cookies() == []


def test_a_token_that_has_expired_is_refused(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.go("/ops")
    desk.present(desk.token("ops", ttl=-60))
    expect(desk.page.get_by_role("alert")).to_be_visible()
    expect_nothing_shown(desk)


@pytest.mark.parametrize("role", ["seller", "warehouse", "retailer"])
def test_another_role_sees_nothing(open_desk: OpenDesk, role: str) -> None:
    desk = open_desk()
    desk.go("/ops")
    desk.present(desk.token(role))
    expect(desk.page.get_by_role("alert")).to_contain_text("ops")
    expect_nothing_shown(desk)
    assert desk.page.context.cookies() == []


def test_another_role_that_forges_the_cookie_sees_nothing_and_can_do_nothing(
    open_desk: OpenDesk, cloud: LocalCloud
) -> None:
    operator = open_desk().sign_in()
    (cookie,) = operator.page.context.cookies()
    desk = open_desk()
    for path in PAGES:
        desk.page.context.add_cookies([{**cookie, "value": desk.token("seller")}])
        assert desk.go(path).status == 403
        expect_nothing_shown(desk)
    desk.page.context.add_cookies([{**cookie, "value": desk.token("seller")}])
    form = {"name": "returnsUpdateCron"}
    headers = {"Origin": cloud.base_url, "Sec-Fetch-Site": "same-origin"}
    done = desk.page.context.request.post(
        f"{cloud.base_url}/ops/console/do/schedule.pause", form=form, headers=headers
    )
    assert done.status == 403
    operator.go("/ops")
    expect(operator.page.locator("#schedule-returnsUpdateCron")).to_contain_text("enabled")


def test_an_operator_gets_to_the_page_that_was_asked_for(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.go(f"{LETTERS}?queue=imageFetch")
    expect_nothing_shown(desk)
    desk.present(desk.token("ops"))
    expect(desk.heading).to_have_text("Dead letters")
    expect(desk.page.get_by_label("Queue")).to_have_value("imageFetch")
    expect(desk.page.locator("#operator")).to_have_text("olga")


@pytest.mark.parametrize(
    "elsewhere", ["//example.org/ops", "https://example.org", "/ops/../products", "/\\example.org"]
)
@pytest.mark.parametrize("is_forced", [False, True], ids=["by a link", "by the form"])
def test_nobody_is_led_elsewhere_by_signing_in(
    open_desk: OpenDesk, cloud: LocalCloud, elsewhere: str, is_forced: bool
) -> None:
    desk = open_desk()
    desk.go(f"/ops/console/sign-in?next={elsewhere}")
    if is_forced:
        desk.page.locator("input[name=next]").evaluate("(each, value) => { each.value = value }", elsewhere)
    desk.present(desk.token("ops"))
    expect(desk.health).to_be_visible()
    assert desk.page.url.split("?")[0].rstrip("/") == f"{cloud.base_url}/ops"


def test_the_token_is_kept_where_no_script_and_no_other_site_gets_at_it(desk: Desk) -> None:
    (cookie,) = desk.page.context.cookies()
    kept = {name: cookie[name] for name in ("httpOnly", "sameSite", "path", "domain")}
    assert kept == {"httpOnly": True, "sameSite": "Strict", "path": "/ops", "domain": "127.0.0.1"}
    assert (
        desk.page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
    )
    assert str(cookie["value"]) not in desk.page.content()


def test_who_signs_out_is_out(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Sign out").click()
    expect(desk.page.locator("#message")).to_contain_text("signed out")
    assert desk.page.context.cookies() == []
    desk.go(LETTERS)
    expect_nothing_shown(desk)
    # Nor does the browser keep a page to go back to.
    desk.page.go_back()
    desk.page.go_back()
    expect_nothing_shown(desk)


def test_a_session_ends_with_its_token_and_goes_on_where_it_was(
    open_desk: OpenDesk, cloud: LocalCloud
) -> None:
    desk = open_desk().sign_in(ttl=300)
    World(cloud).advance(400)
    desk.turn_to("Dead letters")
    expect(desk.page.locator("#message")).to_contain_text("session has ended")
    expect_nothing_shown(desk)
    desk.present(desk.token("ops"))
    expect(desk.heading).to_have_text("Dead letters")


def test_a_page_that_is_left_open_says_that_its_session_has_ended(
    open_desk: OpenDesk, cloud: LocalCloud
) -> None:
    desk = open_desk().sign_in(ttl=300)
    World(cloud).advance(400)
    expect(desk.page.locator("#live-status, #message")).to_contain_text("session has ended", timeout=30_000)


def test_what_was_confirmed_too_late_is_not_done_and_is_asked_again(
    open_desk: OpenDesk, cloud: LocalCloud
) -> None:
    desk = open_desk().sign_in(ttl=300)
    desk.go("/ops/console/do/queue.pause?name=imageFetch")
    World(cloud).advance(400)
    desk.confirm("Pause the queue")
    expect(desk.page.locator("#message")).to_contain_text("session has ended")
    desk.present(desk.token("ops"))
    expect(desk.heading).to_have_text("Pause the queue imageFetch?")
    assert not cloud.http.get("/_local/queues").json()["imageFetch"]["paused"]
    desk.confirm("Pause the queue")
    expect(desk.notice).to_contain_text("imageFetch is paused")
