"""The browser: a Chromium of the system's own, since none is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoChromiumError(Exception):
    """There is no browser; the text says what to do."""


def executable() -> str:
    """The path of ``CHROMIUM``, or else of the first browser that the system has.

    Raises:
        NoChromiumError: there is none.
    """
    named = os.environ.get("CHROMIUM", "")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path
    missing = (
        f"CHROMIUM is {named}, which cannot be run" if named else f"None of {', '.join(NAMES)} is installed"
    )
    raise NoChromiumError(
        f"{missing}. Install one, by `apt-get install chromium` for instance, or say where it is: "
        "make browser-test CHROMIUM=/path/to/chromium"
    )


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; it is gone after the block."""
    # Chromium refuses to guard itself from its pages when root starts it, as in most containers; ours are our own.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=options)
        try:
            yield browser
        finally:
            browser.close()
