"""By keyboard alone, and without scripts: nothing of the page needs either a mouse or JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenDesk
from tests.browser.desk import LIVE_MS, PHONE_DARK, Desk
from tests.browser.world import World
from tests.e2e.harness import LocalCloud

# More than any page has.
_MOST_STOPS = 150
# What can be pressed or filled in; a table that scrolls has the focus too, and all its text.
_NAME = """() => {
    const each = document.activeElement;
    return each.matches('a, button') ? each.innerText : each.matches('textarea') ? each.id : '';
}"""
_FOCUSED = """() => {
    const each = document.activeElement, shape = each.getBoundingClientRect(), look = getComputedStyle(each);
    const outlined = look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2;
    const seen = shape.bottom > 0 && shape.top < innerHeight && shape.right > 0 && shape.left < innerWidth;
    const name = each.outerHTML.slice(0, 120);
    return {isBody: each === document.body, isMarked: outlined && seen, name};
}"""


@pytest.fixture
def world(cloud: LocalCloud) -> World:
    return World(cloud)


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the link, button or field has the focus that ``text`` is of."""
    for _ in range(_MOST_STOPS):
        page.keyboard.press("Tab")
        if text in page.evaluate(_NAME):
            return
    raise AssertionError(f"Tab never gets to {text}")


def test_a_letter_is_replayed_by_keyboard(world: World, open_desk: OpenDesk) -> None:
    letter = world.letter("by keyboard", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk = open_desk()
    keys = desk.page.keyboard
    desk.go("/ops")
    tab_to(desk.page, "token")
    keys.insert_text(desk.token("ops"))
    tab_to(desk.page, "Sign in")
    keys.press("Enter")
    expect(desk.health).to_be_visible()
    tab_to(desk.page, "Dead letters")
    keys.press("Enter")
    expect(desk.heading).to_have_text("Dead letters")
    tab_to(desk.page, letter[:8])
    keys.press("Enter")
    expect(desk.heading).to_contain_text(letter[:8])
    tab_to(desk.page, "Replay…")
    keys.press("Enter")
    expect(desk.page.locator("#what-happens")).to_be_visible()
    tab_to(desk.page, "Replay the letter")
    keys.press("Enter")
    expect(desk.notice).to_contain_text("replayed")
    expect(desk.heading).to_contain_text("replayed")


@pytest.mark.parametrize("path", ["/ops", "/ops/console/dead-letters", "/ops/console/audits"])
def test_every_stop_of_the_tab_key_can_be_seen(world: World, desk: Desk, path: str) -> None:
    world.letter("to be seen", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk.go(path)
    stops = []
    while len(stops) < _MOST_STOPS:
        desk.page.keyboard.press("Tab")
        stop = desk.page.evaluate(_FOCUSED)
        if stop["isBody"]:
            break
        stops.append(stop)
    assert [stop["name"] for stop in stops if not stop["isMarked"]] == []
    assert 5 < len(stops) < _MOST_STOPS


def test_the_first_stop_leads_to_the_content(desk: Desk) -> None:
    desk.page.keyboard.press("Tab")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("#main")).to_be_focused()


def test_an_update_does_not_take_the_focus_from_a_link_that_stays(world: World, desk: Desk) -> None:
    """Nor does it lose the place in the order of stops, when what had the focus is gone."""
    letter = world.letter("under the fingers", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk.go("/ops/console/dead-letters")
    tab_to(desk.page, letter[:8])
    newer = world.letter("newer", {"return_id": "R-2", "run_id": "r1"}, "no such thing")
    expect(desk.page.locator(f"#letter-{newer}")).to_be_visible(timeout=LIVE_MS)
    expect(
        desk.page.locator(f"#letter-{letter}").get_by_role("rowheader").get_by_role("link")
    ).to_be_focused()


def test_all_of_it_works_without_scripts(world: World, open_desk: OpenDesk) -> None:
    letter = world.letter("without scripts", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk = open_desk(PHONE_DARK, scripts=False).sign_in()
    desk.turn_to("Dead letters")
    desk.page.locator(f"#letter-{letter}").get_by_role("rowheader").get_by_role("link").click()
    desk.do("Replay…", "Replay the letter")
    expect(desk.notice).to_contain_text("replayed")
    desk.go("/ops")
    queue = desk.page.locator("#queue-imageFetch")
    desk.do("Pause", "Pause the queue", queue)
    expect(queue).to_contain_text("paused")
    desk.do("Resume", "Resume the queue", queue)
    expect(queue).to_contain_text("running")
    desk.confirm("Sign out")
    expect(desk.token_box).to_be_visible()
