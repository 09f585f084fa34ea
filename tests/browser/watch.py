"""A page under watch: whatever it should not do is noted, and fails the test at its end."""

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, Response

# A script or style in a page fails by the policy, a missing file or a refused fetch by its answer.
_ANSWERED = "Failed to load resource"


class Watch:
    """Notes scripts' errors, violations of the Content-Security-Policy, dialogs, broken files, and requests that leave.

    Args:
        origin: the only one that the page may speak to.
    """

    def __init__(self, page: Page, origin: str) -> None:
        self.faults: list[str] = []
        self._origin = urlsplit(origin)[:2]
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", self._asked)
        page.on("request", self._requested)
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # What was answered is judged there: a page may well be a 404 or 409.
        if message.type in ("error", "warning") and not message.text.startswith(_ANSWERED):
            self.faults.append(f"console: {message.text}")

    def _asked(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url)[:2] != self._origin:
            self.faults.append(f"left the origin: {request.method} {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            self.faults.append(f"{response.status}: {response.request.method} {response.url}")
