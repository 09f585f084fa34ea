"""The operators' page as somebody uses it: signing in, going to a page, and reading what it says."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.watch import Watch
from tests.e2e.harness import LocalCloud

# What a poll may take on a machine that does other things too.
LIVE_MS = 30_000
expect.set_options(timeout=15_000)


@dataclass(frozen=True)
class Look:
    """A window, and what its owner prefers."""

    width: int
    height: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{'phone' if self.width < 600 else 'desktop'}-{self.scheme}"


DESKTOP_LIGHT, DESKTOP_DARK = Look(1280, 900, "light"), Look(1280, 900, "dark")
PHONE_LIGHT, PHONE_DARK = Look(390, 844, "light"), Look(390, 844, "dark")
LOOKS = (DESKTOP_LIGHT, DESKTOP_DARK, PHONE_LIGHT, PHONE_DARK)


class Desk:
    """A page of an operator's browser."""

    def __init__(self, cloud: LocalCloud, page: Page, watch: Watch) -> None:
        self.cloud = cloud
        self.page = page
        self.watch = watch

    # Coming and going

    def token(self, *roles: str, sub: str = "olga", ttl: int = 3600) -> str:
        query = {"sub": sub, "roles": ",".join(roles), "ttl": str(ttl)}
        return str(self.cloud.http.get("/_local/token", params=query).raise_for_status().json()["token"])

    def go(self, path: str) -> Response:
        """Go to a page by its address."""
        answer = self.page.goto(f"{self.cloud.base_url}{path}")
        assert answer is not None
        return answer

    def sign_in(self, sub: str = "olga", ttl: int = 3600) -> "Desk":
        """As an operator."""
        self.go("/ops")
        self.present(self.token("ops", sub=sub, ttl=ttl))
        expect(self.heading).to_be_visible()
        expect(self.token_box).to_have_count(0)
        return self

    def present(self, token: str) -> None:
        """Sign in with a token, whatever comes of it."""
        self.token_box.fill(token)
        self.page.get_by_role("button", name="Sign in").click()

    # What there is

    @property
    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    @property
    def token_box(self) -> Locator:
        return self.page.get_by_label(re.compile("token", re.IGNORECASE))

    def button(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name)

    def unmoved(self, act: Callable[[], object]) -> None:
        """Do something elsewhere, which the page has to take up without being loaded anew."""
        self.page.evaluate("window.loadedOnce = true")
        act()
        assert self.page.evaluate("window.loadedOnce") is True

    def picture(self, path: Path) -> None:
        """All of the page, as it looks."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)
