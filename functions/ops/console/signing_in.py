"""Signing in and out."""

import asyncio
import logging
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.actions import Actions
from functions.ops.console.door import Door
from functions.ops.console.forms import read_form
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.seals import require_own_page
from functions.ops.console.session import Session, Sessions
from shared.http import problem_of
from shared.problems import Problem

_log = logging.getLogger(__name__)

_NOTED_WITHIN = 4.0
_SAID = {"out": "You are signed out.", "ended": "Your session has ended."}


@dataclass(frozen=True)
class SigningIn:
    """``/ops/console/sign-in`` and ``…/sign-out``."""

    sessions: Sessions
    pages: Pages
    door: Door
    actions: Actions
    base_url: str

    def routes(self) -> list[Route]:
        return [
            Route("/console/sign-in", self.ask, methods=["GET"]),
            Route("/console/sign-in", self.sign_in, methods=["POST"]),
            Route("/console/sign-out", self.door.form(self.sign_out), methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """The form."""
        said = (text for name, text in _SAID.items() if name in request.query_params)
        return self._form(request.query_params.get("next", ""), next(said, ""))

    async def sign_in(self, request: Request) -> Response:
        """Begin a session with the token that was pasted.

        There is no session yet that a form could be of; that the browser says it comes from this page keeps others
        from signing somebody in under a name of theirs.
        """
        asked = ""
        try:
            require_own_page(request, self.base_url)
            form = await read_form(request)
            asked = form.get("next", "")
            session = await self.sessions.opened(_bare(form.get("token", "")))
        except Exception as error:
            problem = problem_of(error)
            return self._form(asked, problem.detail, problem.status)
        await self._note(session)
        answer = self.pages.redirect(self.pages.own(asked))
        self.sessions.begin(answer, session)
        return answer

    async def sign_out(self, visit: Visit, form: object) -> Response:
        """Have the browser forget the token. The token itself stays good until it ends."""
        answer = self.pages.redirect(f"{self.sessions.path}/console/sign-in?out=1")
        self.sessions.end(answer)
        return answer

    def _form(self, asked: str, message: str, status: int = 200) -> Response:
        return self.pages.open_to_all(
            "sign_in.html", status, message=message, is_refused=status >= 400, next=self.pages.own(asked)
        )

    async def _note(self, session: Session) -> None:
        try:
            async with (
                asyncio.timeout(_NOTED_WITHIN),
                self.actions.recorded(session.who, "session.sign-in", session.who),
            ):
                pass
        except (Problem, TimeoutError) as error:
            # While the database refuses writes, somebody has to be able to look.
            _log.warning("operator.sign_in_unrecorded", extra={"who": session.who, "error": repr(error)})


def _bare(token: str) -> str:
    """The token, if it was pasted with ``Bearer`` before it or with space and line breaks."""
    words = token.split()
    return words[-1] if words else ""
