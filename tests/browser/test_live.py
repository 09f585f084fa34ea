"""What happens while somebody looks: the page takes it up by itself, and takes nothing away from who is using it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenDesk
from tests.browser.desk import LIVE_MS, Desk
from tests.browser.world import World
from tests.e2e.harness import LocalCloud

WELL = re.compile(r"^\s*All is well")


@pytest.fixture
def world(cloud: LocalCloud) -> World:
    """A shop where all is well."""
    world = World(cloud)
    world.faults()
    world.put_return("R-1")
    world.sync()
    world.audit_all()
    return world


@contextmanager
def unmoved(desk: Desk) -> Iterator[None]:
    """The page is not loaded anew meanwhile."""
    desk.page.evaluate("window.loadedOnce = true")
    yield
    assert desk.page.evaluate("window.loadedOnce") is True


def test_a_failing_sync_is_seen_to_fail_and_to_heal(world: World, desk: Desk) -> None:
    expect(desk.health).to_contain_text(WELL)
    with unmoved(desk):
        world.faults(algolia={"rate_5xx": 1})
        world.put_return("R-1", status="refunded", external_updated_at="2026-11-03T09:00:00Z")
        world.fire("returnsUpdateCron")
        expect(desk.health).to_contain_text(
            re.compile("^\\s*(Degraded|Down): .*index", re.DOTALL), timeout=LIVE_MS
        )
        expect(desk.page).to_have_title(re.compile("Degraded|Down"))
        expect(desk.page.locator("#sync-table")).to_contain_text("running")
        world.faults()
        world.advance(130)
        expect(desk.health).to_contain_text(WELL, timeout=LIVE_MS)
        expect(desk.page.locator("#sync-table")).not_to_contain_text("running")
    expect(desk.page).to_have_title(re.compile("All is well"))


def test_a_sync_that_has_stopped_for_hours_is_told_with_how_far_the_index_is_behind(
    world: World, open_desk: OpenDesk
) -> None:
    desk = open_desk().sign_in(ttl=24 * 3600)
    with unmoved(desk):
        world.faults(algolia={"rate_5xx": 1})
        world.put_return("R-1", status="rejected", external_updated_at="2026-11-04T09:00:00Z")
        world.fire("returnsUpdateCron")
        world.advance(2 * 3600)
        expect(desk.health).to_contain_text("The index is 2 h behind", timeout=LIVE_MS)
        world.faults()
        world.advance(1000)
        world.sync()
        world.advance(700)
        world.sync()
        expect(desk.health).to_contain_text(WELL, timeout=LIVE_MS)


def test_what_is_under_the_fingers_stays_there(world: World, desk: Desk) -> None:
    """Focus, an opened part and the place in a table outlive that their surroundings change."""
    desk.page.locator("#checks > summary").click()
    opened = desk.page.locator("#checks").get_attribute("open")
    link = desk.page.locator("#queue-imageFetch").get_by_role("link")
    link.focus()
    before = _top(link)
    with unmoved(desk):
        world.letter("under the fingers", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
        expect(desk.page.locator("#open-letters")).to_have_text("1", timeout=LIVE_MS)
    expect(link).to_be_focused()
    assert desk.page.locator("#checks").get_attribute("open") == opened
    assert _top(link) == pytest.approx(before, abs=1)


def _top(link: Locator) -> float:
    top: float = link.evaluate("each => each.getBoundingClientRect().top")
    return top


def test_while_the_functions_are_gone_the_page_says_so_and_then_that_they_are_back(
    world: World, desk: Desk
) -> None:
    with unmoved(desk):
        desk.page.context.set_offline(True)
        status = desk.page.get_by_role("status").filter(has_text="Connection lost")
        expect(status).to_be_visible(timeout=LIVE_MS)
        # What is old does not go on saying that all is well as if it were so.
        expect(desk.page.locator("html")).to_have_attribute("data-old", "")
        expect(desk.page).not_to_have_title(re.compile("^All is well"))
        desk.page.context.set_offline(False)
        expect(status).to_have_count(0, timeout=LIVE_MS)
        expect(desk.page.locator("html")).not_to_have_attribute("data-old", "")
    # The browser's own word about what could not be fetched is no fault of the page's.
    desk.watch.faults.clear()
    expect(desk.health).to_be_visible()


def test_a_job_is_seen_to_its_end(world: World, desk: Desk) -> None:
    jobs = desk.page.locator("#jobs")
    expect(jobs).not_to_contain_text("Reindex")
    with unmoved(desk):
        world.ask("POST", "/ops/jobs", "ops", json={"kind": "reindex", "subject": "returns"})
        expect(jobs).to_contain_text("Reindex", timeout=LIVE_MS)
        world.advance(60)
        expect(jobs.locator("li", has_text="Reindex")).to_contain_text("done", timeout=LIVE_MS)


# Whatever a screen reader would tell by itself.
_NOTE_WHAT_IS_TOLD = """() => {
    window.told = [];
    const note = changes => changes.forEach(each => {
        const region = (each.target.closest ? each.target : each.target.parentElement).closest('[aria-live]');
        window.told.push(region.textContent);
    });
    const what = { subtree: true, childList: true, characterData: true };
    document.querySelectorAll('[aria-live]').forEach(each => new MutationObserver(note).observe(each, what));
}"""


def test_who_hears_the_page_is_told_what_happens_and_not_that_time_passes(world: World, desk: Desk) -> None:
    before = desk.health.inner_text()
    desk.page.evaluate(_NOTE_WHAT_IS_TOLD)
    with unmoved(desk):
        world.advance(90)
        expect(desk.health).not_to_have_text(before, timeout=LIVE_MS)
        assert desk.page.evaluate("window.told") == []
        world.operate("queues/imageFetch:pause")
        expect(desk.health).to_contain_text("imageFetch", timeout=LIVE_MS)
        (told,) = desk.page.evaluate("window.told")
        assert re.fullmatch(r"Degraded: .*queues\.", told)
        world.operate("queues/imageFetch:resume")


def test_a_page_that_is_left_open_tells_how_long_its_session_lasts(world: World, open_desk: OpenDesk) -> None:
    desk = open_desk().sign_in(ttl=3000)
    left = desk.page.locator("footer")
    expect(left).to_contain_text(re.compile(r"Your session ends in (50|49) min"))
    with unmoved(desk):
        world.advance(1200)
        expect(left).to_contain_text(re.compile(r"Your session ends in (30|29) min"), timeout=LIVE_MS)


def test_a_page_goes_on_once_its_operator_has_signed_in_again_elsewhere(
    world: World, open_desk: OpenDesk
) -> None:
    desk = open_desk().sign_in(ttl=300)
    status = desk.page.locator("#live-status")
    with unmoved(desk):
        world.advance(400)
        expect(status).to_contain_text("session has ended", timeout=LIVE_MS)
        with desk.page.context.expect_page() as opened:
            status.get_by_role("link").click(modifiers=["ControlOrMeta"])
        elsewhere = Desk(desk.cloud, opened.value, desk.watch)
        elsewhere.present(desk.token("ops"))
        expect(elsewhere.heading).to_be_visible()
        opened.value.close()
        # A window without a screen is never hidden, so it is told that it is seen again.
        desk.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(desk.page.locator("html")).not_to_have_attribute("data-old", "", timeout=LIVE_MS)
        expect(status).to_be_empty()
