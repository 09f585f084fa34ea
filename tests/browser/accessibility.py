"""What axe finds in a page, a line for each element."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_AXE = Axe()


def violations(page: Page) -> list[str]:
    """Every rule that an element breaks: all of WCAG 2.2 to AA, and of good practice."""
    # By way of the debugger, so that the page's policy stays in force.
    found = _AXE.run(page).response["violations"]
    return [
        f"{each['id']}: {' '.join(map(str, node['target']))}: {_why(node)}"
        for each in found
        for node in each["nodes"]
    ]


def _why(node: dict[str, object]) -> str:
    return " ".join(str(node.get("failureSummary", "")).split())


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window: it would scroll sideways."""
    wider: int = page.evaluate(
        "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    )
    return wider
