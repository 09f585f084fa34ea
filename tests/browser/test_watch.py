"""What is to be noticed is noticed: a watch that sees nothing would let every other test pass."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.accessibility import overflow, violations
from tests.browser.watch import Watch

ORIGIN = "http://shop.example"
GOOD = '<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1>{}</main>'


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


def shown(page: Page, body: str, policy: str = "") -> Watch:
    """A page with ``body``, once it has been looked at; whatever else is asked for is missing."""

    def answer(route: Route) -> None:
        if route.request.url == f"{ORIGIN}/":
            headers = {"Content-Type": "text/html"} | ({"Content-Security-Policy": policy} if policy else {})
            route.fulfill(headers=headers, body=GOOD.format(body))
        else:
            route.fulfill(status=404)

    page.route("**/*", answer)
    watch = Watch(page, ORIGIN)
    page.goto(f"{ORIGIN}/", wait_until="networkidle")
    return watch


def test_a_page_that_behaves_has_no_faults(page: Page) -> None:
    watch = shown(page, "<p>Welcome</p>", "default-src 'self'")
    assert (watch.faults, violations(page), overflow(page)) == ([], [], 0)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>1</script>", "console: Executing inline script violates"),
        ('<p style="color: red">x</p>', "console: Applying inline style violates"),
        ('<img alt="" src="http://elsewhere.example/x">', "console: Loading the image"),
    ],
)
def test_what_the_policy_forbids_is_noticed(page: Page, body: str, fault: str) -> None:
    assert any(each.startswith(fault) for each in shown(page, body, "default-src 'self'").faults)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>alert('hello')</script>", "dialog: hello"),
        ("<script>throw new Error('broken')</script>", "error: broken"),
        ("<script>console.error('sorry')</script>", "console: sorry"),
        ('<img alt="" src="/x">', f"404: GET {ORIGIN}/x"),
        ('<img alt="" src="http://elsewhere.example/x">', "left the origin: GET http://elsewhere.example/x"),
    ],
)
def test_what_a_page_should_not_do_is_noticed(page: Page, body: str, fault: str) -> None:
    assert fault in shown(page, body).faults


def test_what_some_cannot_read_or_reach_is_noticed(page: Page) -> None:
    shown(page, '<p style="color: #999; background: #aaa">Soft</p><img src="/x"><input>')
    assert {each.partition(":")[0] for each in violations(page)} == {"color-contrast", "image-alt", "label"}


def test_what_is_too_wide_is_noticed(page: Page) -> None:
    shown(page, '<p style="width: 5000px">Wide</p>')
    assert overflow(page) > 3000
