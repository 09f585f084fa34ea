"""Queues, schedules and storefronts, steered from the page; each act is asked about first, and is in the audit log."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import LIVE_MS, Desk
from tests.browser.world import World
from tests.e2e.harness import LocalCloud


@pytest.fixture
def world(cloud: LocalCloud) -> World:
    return World(cloud)


def noted(desk: Desk, *texts: str) -> None:
    """The newest entry of the audit log says who did what, to what, and that it was done."""
    desk.go("/ops/console/actions")
    entry: Locator = desk.page.locator("#actions tbody tr").first
    for text in ("olga", *texts):
        expect(entry).to_contain_text(text)


def test_a_queue_rests_and_goes_on(world: World, desk: Desk) -> None:
    queue = desk.page.locator("#queue-supplyChainSync")
    desk.do("Pause", "Pause the queue", queue)
    expect(desk.notice).to_contain_text("supplyChainSync is paused")
    expect(queue).to_contain_text("paused")
    product = world.create_product("Boots")
    world.idle()
    assert not world.has_partner(product)
    expect(queue.get_by_role("cell").nth(1)).to_have_text("1", timeout=LIVE_MS)
    expect(desk.health).to_contain_text("supplyChainSync", timeout=LIVE_MS)
    desk.do("Resume", "Resume the queue", queue)
    expect(queue).to_contain_text("running")
    world.idle()
    assert world.has_partner(product)
    noted(desk, "queue: resume", "supplyChainSync", "done")


def test_a_schedule_rests_and_goes_on(world: World, desk: Desk) -> None:
    schedule = desk.page.locator("#schedule-returnsUpdateCron")
    desk.do("Pause", "Pause the schedule", schedule)
    expect(schedule).to_contain_text("paused")
    expect(desk.health).to_contain_text("returnsUpdateCron", timeout=LIVE_MS)
    noted(desk, "schedule: pause", "returnsUpdateCron", "done")
    desk.go("/ops")
    desk.do("Resume", "Resume the schedule", schedule)
    expect(schedule).to_contain_text("enabled")


def test_a_schedule_is_run_now(world: World, desk: Desk) -> None:
    desk.turn_to("Runs")
    before = desk.page.locator("#runs tbody tr").count()
    desk.do("Run the sync now", "Run it now")
    expect(desk.page.locator("#runs tbody tr")).to_have_count(before + 1, timeout=LIVE_MS)
    noted(desk, "schedule: run", "returnsUpdateCron", "done")


def test_a_time_is_pushed_again_and_its_run_can_be_read(world: World, desk: Desk) -> None:
    world.put_return("R-again")
    world.sync()
    desk.go("/ops/console/runs")
    desk.ask("Push a time again…")
    now = world.now()
    desk.page.get_by_label("Changed after").fill(f"{now.year - 1}-01-01T00:00")
    desk.page.get_by_label("and up to").fill(f"{now:%Y-%m-%dT%H:%M}")
    desk.confirm("Start the re-sync")
    expect(desk.heading).to_contain_text("Resync")
    world.idle()
    expect(desk.heading).to_contain_text("done", timeout=LIVE_MS)
    expect(desk.page.locator("#operator")).to_have_text("olga")


def test_two_times_in_the_wrong_order_are_refused_in_place(desk: Desk) -> None:
    desk.go("/ops/console/do/sync.resync")
    desk.page.get_by_label("Changed after").fill("2026-11-02T00:00")
    desk.page.get_by_label("and up to").fill("2026-11-01T00:00")
    desk.confirm("Start the re-sync")
    expect(desk.page.locator("main")).to_contain_text("later")
    expect(desk.page.get_by_label("Changed after")).to_have_value("2026-11-02T00:00")


def test_a_store_is_rolled_back_and_rebuilt(world: World, desk: Desk) -> None:
    world.put_category("bread", "Bread")
    world.feed("milano", "morning", "1.00", "2.00")
    world.feed("milano", "noon", "1.10", "2.00")
    assert world.generation("milano") == 2
    desk.turn_to("Storefronts")
    desk.page.get_by_label("Store").fill("milano")
    desk.confirm("Show")
    expect(desk.page.locator("#current")).to_have_text("2")
    expect(desk.page.locator("#tree")).to_contain_text("Bread")
    desk.ask("Roll back…", desk.page.locator("#generation-1"))
    expect(desk.page.locator("#what-happens")).to_contain_text("Shoppers see it at once")
    assert world.generation("milano") == 2
    desk.confirm("Roll the store back")
    expect(desk.notice).to_contain_text("Generation 1 of milano is served again")
    expect(desk.page.locator("#current")).to_have_text("1")
    assert world.generation("milano") == 1
    desk.do("Rebuild…", "Rebuild the store")
    world.idle()
    expect(desk.page.locator("#current")).to_have_text("3", timeout=LIVE_MS)
    noted(desk, "store: rebuild", "milano", "done")


def test_images_are_seen_before_and_after_and_rendered_again(world: World, desk: Desk) -> None:
    product = world.create_product(
        "Boots", product_images=[world.picture("photo-1.jpg"), world.picture("truncated.jpg")]
    )
    world.idle()
    desk.go(f"/ops/console/images?product={product}")
    for name in ("Image 1 as it came", "Image 1 as it is shown"):
        picture = desk.page.get_by_role("img", name=name)
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("each => each.naturalWidth") > 0, name
    expect(desk.page.locator("#images")).to_contain_text("saved")
    expect(desk.page.locator("#images")).to_contain_text("damaged or incomplete")
    desk.do("Render again…", "Render the images")
    noted(desk, "image: render", product, "done")
