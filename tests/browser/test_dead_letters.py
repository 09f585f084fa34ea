"""Work that was given up: seen, tried again, or closed with a reason."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.browser.world import HOSTILE, World
from tests.e2e.harness import LocalCloud


@pytest.fixture
def world(cloud: LocalCloud) -> World:
    return World(cloud)


def test_a_letter_is_replayed_once_its_cause_is_mended(world: World, desk: Desk) -> None:
    product = world.refused_product("Boots")
    desk.turn_to("Dead letters")
    desk.page.locator("#letters tbody tr").first.get_by_role("rowheader").get_by_role("link").click()
    expect(desk.page.get_by_role("region", name="Error")).to_contain_text("422")
    expect(desk.page.locator("#payload")).to_contain_text(product)
    assert not world.has_partner(product)
    desk.ask("Replay…")
    expect(desk.page.locator("#what-happens")).to_contain_text("tried again")
    assert not world.has_partner(product)
    desk.confirm("Replay the letter")
    expect(desk.notice).to_contain_text("replayed")
    expect(desk.heading).to_contain_text("replayed")
    world.idle()
    assert world.has_partner(product)


def test_leaving_the_question_leaves_everything_as_it_is(world: World, desk: Desk) -> None:
    letter = world.letter("left", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk.go(f"/ops/console/dead-letters/{letter}")
    desk.ask("Discard…")
    desk.page.get_by_role("link", name="Leave it as it is").click()
    expect(desk.heading).to_contain_text("open")


def test_a_letter_is_discarded_with_a_reason_which_is_kept(world: World, desk: Desk) -> None:
    letter = world.letter("discarded", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk.go(f"/ops/console/dead-letters/{letter}")
    desk.ask("Discard…")
    desk.page.get_by_label("Reason").fill("A test of the warehouse's")
    desk.confirm("Discard the letter")
    expect(desk.notice).to_contain_text("discarded")
    expect(desk.page.locator("main")).to_contain_text("A test of the warehouse's")
    desk.go("/ops/console/actions")
    entry = desk.page.locator("#actions tbody tr").first
    for text in ("olga", "dead letter: discard", letter, "A test of the warehouse's", "done"):
        expect(entry).to_contain_text(text)


def test_a_letter_needs_a_reason_to_be_discarded(world: World, desk: Desk) -> None:
    letter = world.letter("without a reason", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    desk.go(f"/ops/console/do/dead-letter.discard?letter={letter}")
    desk.confirm("Discard the letter")
    # The browser asks for it first; a reason of spaces gets to the function.
    expect(desk.page.get_by_label("Reason")).to_be_focused()
    desk.page.get_by_label("Reason").fill("   ")
    desk.confirm("Discard the letter")
    expect(desk.refusal).to_contain_text("Say why")


def test_what_somebody_else_was_quicker_at_is_said_in_place(world: World, open_desk: OpenDesk) -> None:
    letter = world.letter("raced for", {"return_id": "R-1", "run_id": "r1"}, "no such thing")
    olga, otto = open_desk().sign_in("olga"), open_desk().sign_in("otto")
    for desk in (olga, otto):
        desk.go(f"/ops/console/dead-letters/{letter}")
        desk.ask("Replay…")
    olga.confirm("Replay the letter")
    expect(olga.notice).to_contain_text("replayed")
    otto.confirm("Replay the letter")
    expect(otto.refusal).to_contain_text("replayed by olga")
    expect(otto.page.get_by_role("button", name="Replay the letter")).to_be_visible()


def test_all_letters_of_a_queue_are_replayed_at_once(world: World, desk: Desk) -> None:
    for number in range(3):
        world.letter(
            f"one of several {number}", {"return_id": f"R-{number}", "run_id": "r1"}, "no such thing"
        )
    desk.go("/ops/console/dead-letters")
    desk.page.get_by_label("Queue").select_option("returnSyncProcessing")
    desk.confirm("Show")
    total = int(desk.page.locator("#total").inner_text())
    assert total >= 3
    desk.do("Replay all of this queue…", "Replay them all")
    expect(desk.notice).to_contain_text(f"{total} letters are replayed")
    expect(desk.page.locator("#total")).to_have_text("0")


def test_what_was_stored_to_be_run_stays_text(world: World, desk: Desk) -> None:
    """Wherever it may be shown. That nothing was run, asked for or complained of is seen at the end of each test."""
    letter = world.letter(
        "hostile", {"return_id": "R-1", "reason": HOSTILE, "</pre><script>alert(4)</script>": 1}, HOSTILE
    )
    desk.go("/ops")
    expect(desk.page.locator(f"#letter-{letter}")).to_contain_text("<script>alert(1)</script>")
    desk.go("/ops/console/dead-letters")
    expect(desk.page.locator(f"#letter-{letter}")).to_contain_text("<img src=x onerror=alert(2)>")
    desk.go(f"/ops/console/dead-letters/{letter}")
    expect(desk.page.get_by_role("region", name="Error")).to_contain_text("<script>alert(1)</script>")
    expect(desk.page.locator("#payload")).to_contain_text("</pre><script>alert(4)</script>")
    desk.ask("Discard…")
    expect(desk.page.locator("main")).to_contain_text("<img src=x onerror=alert(2)>")
    desk.page.get_by_label("Reason").fill(HOSTILE.replace("alert(1)", "alert(5)"))
    desk.confirm("Discard the letter")
    expect(desk.page.locator("main")).to_contain_text("<script>alert(5)</script>")
    desk.go("/ops/console/actions")
    expect(desk.page.locator("#actions")).to_contain_text("<script>alert(5)</script>")


def test_what_a_seller_or_an_address_says_stays_text_too(world: World, desk: Desk) -> None:
    product = world.create_product(HOSTILE, product_images=[world.picture("page.jpg")])
    world.put_category("hostile", HOSTILE)
    world.feed("hostile-store", "hostile", "1.00", category="hostile")
    desk.go(f"/ops/console/images?product={product}")
    expect(desk.page.locator("#images")).to_contain_text("<script>alert(1)</script>")
    desk.go("/ops/console/stores?store=hostile-store")
    expect(desk.page.locator("#tree")).to_contain_text("<img src=x onerror=alert(2)>")
    for path in (
        "dead-letters/",
        "runs/sync/",
        "do/",
        "stores?store=",
        "images?product=",
        "audits/",
        "runs?kind=",
    ):
        desk.go(
            f"/ops/console/{path}%3Cscript%3Ealert(6)%3C%2Fscript%3E%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(7)%3E"
        )
        expect(desk.heading).to_be_visible()
    desk.go("/ops?notice=%3Cscript%3Ealert(8)%3C/script%3E&seal=0")
    expect(desk.notice).to_have_count(0)
