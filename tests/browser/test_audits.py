"""Drift between the database and the index: found, repaired and gone, from the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.desk import LIVE_MS, Desk
from tests.browser.world import ACCOUNT, World
from tests.e2e.clients import records
from tests.e2e.harness import LocalCloud


@pytest.fixture
def world(cloud: LocalCloud) -> World:
    return World(cloud)


def audit(world: World, desk: Desk) -> None:
    """Have the returns audited, and open the result."""
    desk.turn_to("Audits")
    desk.do("Audit…", "Start the audit", desk.page.locator("#subject-returns"))
    world.settle()
    desk.page.get_by_role("link", name="Findings").click()
    expect(desk.page.locator("#audit-title")).to_contain_text("done", timeout=LIVE_MS)


def test_drift_is_found_repaired_and_gone(world: World, desk: Desk, cloud: LocalCloud) -> None:
    for number in range(5):
        world.put_return(f"R-{number}")
    world.sync()
    right = records(cloud)
    world.spoil_index(lost="R-0", altered="R-1", added="R-99")
    audit(world, desk)
    expect(desk.page.locator("#result")).to_contain_text("3 of 5 records are not as they should be")
    findings = desk.page.locator("#findings tbody")
    for finding, kind in (("R-0", "missing"), ("R-1", "different"), ("R-99", "extra")):
        expect(findings.locator("tr", has=desk.page.get_by_text(finding, exact=True))).to_contain_text(kind)
    expect(findings.locator("tr")).to_have_count(3)
    expect(desk.page.locator("#accounts")).to_contain_text(ACCOUNT)
    audited = desk.page.url

    desk.do("Repair…", "Start the repair")
    world.settle()
    expect(desk.heading).to_contain_text("done", timeout=LIVE_MS)
    desk.page.goto(audited)
    expect(findings.get_by_text("repaired")).to_have_count(3)
    assert records(cloud) == right

    audit(world, desk)
    expect(desk.page.locator("#result")).to_contain_text(re.compile(r"All \d+ records are as they should be"))
    desk.go("/ops")
    expect(desk.health).to_contain_text("All is well")


def test_the_index_is_built_anew(world: World, desk: Desk, cloud: LocalCloud) -> None:
    for return_id in ("R-lost", "R-altered"):
        world.put_return(return_id)
    world.sync()
    right = records(cloud)
    world.spoil_index(lost="R-lost", altered="R-altered", added="R-added")
    desk.turn_to("Audits")
    desk.do("Re-index…", "Start the re-index", desk.page.locator("#subject-returns"))
    world.settle()
    expect(desk.heading).to_contain_text("done", timeout=LIVE_MS)
    found = records(cloud)
    assert {name: found.get(name) for name in ("R-lost", "R-altered", "R-added")} == {
        "R-lost": right["R-lost"],
        "R-altered": right["R-altered"],
        "R-added": None,
    }


def test_a_forced_re_index_has_to_be_wanted_twice(world: World, desk: Desk) -> None:
    desk.go("/ops/console/audits")
    desk.ask("Force a re-index…")
    desk.confirm("Force the re-index")
    expect(desk.page.get_by_label("The index may end up empty")).to_be_focused()


def test_an_audit_is_cancelled(world: World, desk: Desk) -> None:
    """Its queue rests, so that it is still to begin."""
    desk.do("Pause", "Pause the queue", desk.page.locator("#queue-productAudit"))
    desk.go("/ops/console/audits")
    products = desk.page.locator("#subject-products")
    desk.do("Audit…", "Start the audit", products)
    expect(desk.heading).to_contain_text("waiting")
    desk.do("Cancel…", "Cancel the run")
    desk.go("/ops")
    desk.do("Resume", "Resume the queue", desk.page.locator("#queue-productAudit"))
    world.idle()
    desk.go("/ops/console/audits")
    expect(products).to_contain_text("cancelled")
