"""The operators' page as somebody uses it: signing in, going to a page, and reading what it says."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.watch import Watch
from tests.e2e.harness import LocalCloud

_LOAD_PICTURES = """async () => {
    const pictures = [...document.images];
    pictures.forEach(each => { each.loading = 'eager'; });
    await Promise.allSettled(pictures.map(each => each.decode()));
}"""
# For what the page has to notice by itself: some polls, on a machine that does other things too.
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
        return self.page.get_by_label("Token")

    @property
    def notice(self) -> Locator:
        """What came of what was done last."""
        return self.page.locator("#notice")

    @property
    def refusal(self) -> Locator:
        """Why it was not done."""
        return self.page.locator("#refusal")

    @property
    def health(self) -> Locator:
        """The sentence on the overview."""
        return self.page.locator("#health-sentence")

    # What is done

    def turn_to(self, page: str) -> None:
        """Go to a page by the navigation."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=page).click()

    def ask(self, act: str, within: Locator | None = None) -> None:
        """Go to the page that asks whether ``act``, a link, is meant."""
        # Links end with what they are about, for those who hear them out of their place.
        name = re.compile(f"^{re.escape(act)}")
        (within or self.page.locator("main")).get_by_role("link", name=name).click()
        expect(self.page.locator("#what-happens")).to_be_visible()

    def confirm(self, button: str) -> None:
        """Say that it is."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def do(self, act: str, button: str, within: Locator | None = None) -> None:
        """Both; it has to be done then."""
        self.ask(act, within)
        self.confirm(button)
        expect(self.notice).to_be_visible()

    def picture(self, path: Path) -> None:
        """All of the page, as it looks to whoever scrolls through it."""
        self.page.evaluate(_LOAD_PICTURES)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)
