"""A browser, a local cloud for the tests of a module, and pages that may do nothing which they should not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.chromium import NoChromiumError, chromium, executable
from tests.browser.desk import DESKTOP_LIGHT, Desk, Look
from tests.browser.watch import Watch
from tests.e2e.harness import LocalCloud, local_cloud

PICTURES = Path(__file__).parents[2] / "build" / "browser"
# No page needs as long, but on a machine that does other things too.
_PATIENCE_MS = 15_000


class OpenDesk(Protocol):
    """Opens a page of its own, with cookies of its own."""

    def __call__(self, look: Look = DESKTOP_LIGHT, *, scripts: bool = True) -> Desk: ...


def pytest_configure() -> None:
    """Say what is missing once, before any test."""
    try:
        executable()
    except NoChromiumError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """An empty local cloud, shared by a module's tests."""
    with local_cloud(tmp_path_factory.mktemp("data") / "local") as started:
        yield started


@pytest.fixture
def open_desk(browser: Browser, cloud: LocalCloud, request: pytest.FixtureRequest) -> Iterator[OpenDesk]:
    """At the end of the test, each page has to have behaved."""
    with ExitStack() as contexts:
        desks: list[Desk] = []

        def opened(look: Look = DESKTOP_LIGHT, *, scripts: bool = True) -> Desk:
            context = contexts.enter_context(_context(browser, look, scripts=scripts))
            page = context.new_page()
            desks.append(Desk(cloud, page, Watch(page, cloud.base_url)))
            return desks[-1]

        yield opened
        for number, desk in enumerate(desks):
            if _failed(request.node) or desk.watch.faults:
                desk.picture(PICTURES / "failed" / f"{request.node.name}-{number}.png")
        assert [fault for desk in desks for fault in desk.watch.faults] == []


@contextmanager
def _context(browser: Browser, look: Look, *, scripts: bool) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(_PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """A page at desktop width, in light, at which an operator has signed in."""
    return open_desk().sign_in()


_OUTCOME = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_OUTCOME] = report.failed
    return report


def _failed(item: pytest.Item) -> bool:
    return item.stash.get(_OUTCOME, False)
