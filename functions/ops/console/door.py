"""The way to every page: who is signed in is let through, and what goes wrong is shown as a page."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from functions.ops.console.forms import read_form
from functions.ops.console.paths import with_query
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.seals import require_own_form
from functions.ops.console.session import Session, Sessions
from shared.clock import Clock
from shared.http import TRANSIENT, Handler, problem_of
from shared.problems import Problem

# Longer than what is asked of other functions may take, and below the function's own limit, so that who waits is told
# why on a page. An act has more time, since to break it off leaves open what came of it.
_PAGE_SECONDS = 15.0
_ACT_SECONDS = 40.0
_NO_PAGE = "The database, or another service that this page needs, does not answer. The overview says which."
_NO_WORD = "It took too long, so nobody knows what came of it. Look at the audit log before you repeat it."
# All that may stand in an address (https://datatracker.ietf.org/doc/html/rfc3986#section-2); the rest fits no header.
_AS_WRITTEN = "%:/?#[]@!$&'()*+,;="

Page = Callable[[Visit], Awaitable[Response]]
FormPage = Callable[[Visit, Mapping[str, str]], Awaitable[Response]]


class Door:
    """Lets operators in who are signed in, and sends others to do so.

    Args:
        base_url: of the deployment, from where forms have to come.
    """

    def __init__(self, sessions: Sessions, pages: Pages, base_url: str, clock: Clock) -> None:
        self._sessions = sessions
        self._pages = pages
        self._base_url = base_url
        self._clock = clock

    def page(self, page: Page, within: float = _PAGE_SECONDS, silence: str = _NO_PAGE) -> Handler:
        """A page that changes nothing; ``silence`` is said where it cannot be had."""

        async def handle(request: Request) -> Response:
            session, refusal = await self._session(request)
            if session is None:
                return refusal or self._outside(request)
            return await self._answered(Visit(request, session, self._clock()), page, within, silence)

        return handle

    def form(self, page: FormPage) -> Handler:
        """What a form of ours is sent to."""

        async def checked(visit: Visit) -> Response:
            form = await read_form(visit.request)
            require_own_form(visit.request, form, visit.session.token, self._base_url)
            return await page(visit, form)

        return self.page(checked, _ACT_SECONDS, _NO_WORD)

    async def _session(self, request: Request) -> tuple[Session | None, Response | None]:
        try:
            return await self._sessions.of(request), None
        except Problem as problem:
            refusal = self._pages.refused(problem)
            if problem.status == 403:
                self._sessions.end(refusal)
            return None, refusal

    def _outside(self, request: Request) -> Response:
        """For who shows no session: the way to sign in, and back to where a form was, if one was sent."""
        there = self._pages.own(f"{self._pages.prefix}{_asked(request)}")
        if has_ended := self._sessions.cookie in request.cookies:
            asked = {"next": there, "ended": "1"}
        elif request.method == "GET" and _is_led_here(request):
            return self._arrived(there)
        else:
            asked = {"next": there}
        answer = self._pages.redirect(with_query(f"{self._pages.prefix}/console/sign-in", asked))
        if has_ended:
            self._sessions.end(answer)
        return answer

    def _arrived(self, there: str) -> Response:
        """Once more, by a page of ours: a browser that is led here by another site keeps the session back."""
        answer = self._pages.open_to_all("arrived.html", there=there)
        answer.headers["Refresh"] = f"0; url={there}"
        return answer

    async def _answered(self, visit: Visit, page: Page, within: float, silence: str) -> Response:
        try:
            async with asyncio.timeout(within):
                return await page(visit)
        except Exception as error:
            problem = problem_of(error)
            if isinstance(error, TRANSIENT):
                problem = Problem(problem.status, problem.kind, silence)
            return self._pages.refused(problem, visit)


def _asked(request: Request) -> str:
    """What was asked for, as it was written: decoded, a ``?`` in a name would begin the query."""
    path, query = request.scope["raw_path"].rstrip(b"/"), request.scope["query_string"]
    return quote(path + (b"?" + query if query else b""), safe=_AS_WRITTEN)


def _is_led_here(request: Request) -> bool:
    """Whether a link of another site was followed, such as one in an alert."""
    return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
