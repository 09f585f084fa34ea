"""Every page, on telephones and desktops, in light and dark: for everyone to use, and within its window.

Pictures of all of them are left in ``build/browser``.
"""

import re
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import overflow, violations
from tests.browser.conftest import PICTURES, OpenDesk
from tests.browser.desk import DESKTOP_LIGHT, LOOKS, Desk, Look
from tests.browser.gallery import STATUSES, furnish
from tests.browser.world import World
from tests.e2e.harness import LocalCloud, local_cloud

# As narrow as a page has to stand (WCAG 2.2, 1.4.10): a desktop's window, enlarged four times.
NARROWEST = Look(320, 700, "light")
# Nothing of this runs under the policy, so none of it may be there.
_INLINE = re.compile(
    r"<style|<script(?![^>]*\ssrc=)|\sstyle\s*=|<[^>]*\son\w+\s*=|javascript:", re.IGNORECASE
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path_factory.mktemp("data") / "local", SEED="demo") as started:
        yield started


@pytest.fixture(scope="module")
def pages(cloud: LocalCloud) -> Mapping[str, str]:
    return furnish(World(cloud))


def wrong(desk: Desk, name: str) -> list[str]:
    """What is wrong with the page that is open."""
    found = [f"{name}: {each}" for each in violations(desk.page)]
    if wider := overflow(desk.page):
        found.append(f"{name}: {wider} px wider than the window")
    return found


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_every_page_can_be_used_by_everyone(
    open_desk: OpenDesk, pages: Mapping[str, str], look: Look
) -> None:
    desk = open_desk(look).sign_in()
    found = []
    for name, path in pages.items():
        assert desk.go(path).status == STATUSES.get(name, 200), name
        expect(desk.heading).to_have_count(1)
        desk.picture(PICTURES / f"{name}-{look}.png")
        found += wrong(desk, name)
    assert found == []


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_so_can_the_way_in(open_desk: OpenDesk, look: Look) -> None:
    desk = open_desk(look)
    desk.go("/ops")
    desk.picture(PICTURES / f"sign-in-{look}.png")
    found = wrong(desk, "sign-in")
    desk.present(desk.token("seller"))
    expect(desk.page.get_by_role("alert")).to_be_visible()
    desk.picture(PICTURES / f"sign-in-refused-{look}.png")
    assert found + wrong(desk, "sign-in-refused") == []


def test_no_page_is_wider_than_a_narrow_window_or_with_text_of_twice_the_size(
    open_desk: OpenDesk, pages: Mapping[str, str]
) -> None:
    narrow, enlarged = open_desk(NARROWEST).sign_in(), open_desk(DESKTOP_LIGHT).sign_in()
    found = []
    for name, path in pages.items():
        narrow.go(path)
        if wider := overflow(narrow.page):
            found.append(f"{name}: {wider} px wider than {NARROWEST.width}")
        enlarged.go(path)
        enlarged.page.evaluate("document.documentElement.style.fontSize = '200%'")
        if wider := overflow(enlarged.page):
            found.append(f"{name}: {wider} px wider when its text is enlarged")
    assert found == []


def test_every_page_has_the_policy_and_nothing_that_would_need_a_laxer_one(
    open_desk: OpenDesk, pages: Mapping[str, str], cloud: LocalCloud
) -> None:
    desk = open_desk().sign_in()
    expected = {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src 'self' {cloud.base_url}/_local/images/; connect-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
    for name, path in {**pages, "sign-in": "/ops/console/sign-in"}.items():
        answer = desk.page.context.request.get(f"{cloud.base_url}{path}")
        assert {each: answer.headers.get(each) for each in expected} == expected, name
        assert _INLINE.findall(answer.text()) == [], name
