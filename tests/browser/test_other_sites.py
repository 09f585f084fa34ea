"""What other sites can make an operator's browser do: nothing."""

import re
from collections.abc import Mapping

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.desk import Desk
from tests.e2e.harness import LocalCloud

ELSEWHERE = "http://elsewhere.example"


def serve(page: Page, address: str, body: str) -> None:
    """Have a page of somebody else's at an address."""

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=f"<!doctype html><html lang=en><title>-</title>{body}")

    page.route(address, answer)


def form(action: str, fields: Mapping[str, str]) -> str:
    """A form that sends itself."""
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    return f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()</script>'


@pytest.fixture
def visitor(desk: Desk) -> Desk:
    """An operator, signed in here, who visits another site: that it is one is no fault."""
    return desk


def test_a_form_elsewhere_does_nothing_in_an_operators_name(visitor: Desk, cloud: LocalCloud) -> None:
    visitor.go("/ops/console/do/queue.pause?name=imageFetch")
    # Even if it has got hold of the form's own token.
    token = visitor.page.locator("#confirm input[name=form_token]").input_value()
    action = f"{cloud.base_url}/ops/console/do/queue.pause"
    serve(visitor.page, f"{ELSEWHERE}/", form(action, {"name": "imageFetch", "form_token": token}))
    visitor.page.goto(f"{ELSEWHERE}/")
    expect(visitor.page).to_have_url(re.compile(f"^{re.escape(cloud.base_url)}/ops/console/sign-in"))
    expect(visitor.token_box).to_be_visible()
    visitor.watch.faults.clear()
    assert not cloud.http.get("/_local/queues").json()["imageFetch"]["paused"]


def test_nobody_is_signed_in_under_anothers_name(visitor: Desk, cloud: LocalCloud) -> None:
    action = f"{cloud.base_url}/ops/console/sign-in"
    serve(visitor.page, f"{ELSEWHERE}/", form(action, {"token": visitor.token("ops", sub="mallory")}))
    visitor.page.goto(f"{ELSEWHERE}/")
    expect(visitor.page.get_by_role("alert")).to_contain_text("not sent from the operators' page")
    visitor.watch.faults.clear()
    visitor.go("/ops")
    expect(visitor.page.locator("#operator")).to_have_text("olga")


def test_a_link_elsewhere_leads_to_the_page_and_leaves_one_signed_in(
    visitor: Desk, cloud: LocalCloud
) -> None:
    there = f"{cloud.base_url}/ops/console/runs?kind=audit"
    serve(visitor.page, f"{ELSEWHERE}/", f'<a href="{there}">look</a>')
    visitor.page.goto(f"{ELSEWHERE}/")
    visitor.page.get_by_role("link").click()
    expect(visitor.page.locator("#operator")).to_have_text("olga")
    expect(visitor.page).to_have_url(there)
    visitor.watch.faults.clear()


def test_a_link_to_an_act_only_asks(visitor: Desk, cloud: LocalCloud) -> None:
    visitor.go("/ops/console/do/queue.pause?name=imageFetch")
    expect(visitor.page.locator("#what-happens")).to_be_visible()
    assert not cloud.http.get("/_local/queues").json()["imageFetch"]["paused"]


def test_no_page_shows_it_in_a_frame(visitor: Desk, cloud: LocalCloud) -> None:
    serve(visitor.page, f"{cloud.base_url}/framing", '<iframe src="/ops" title="framed"></iframe>')
    with visitor.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        visitor.go("/framing")
    visitor.watch.faults.clear()
