"""``/ops/console/do/{act}``: asks before an act, and does what was confirmed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.acts import Act, Values
from functions.ops.console.door import Door
from functions.ops.console.rendering import Pages, Visit
from shared.http import problem_of
from shared.problems import Problem

# Who has been refused has waited for that already.
_QUESTION_SECONDS = 3.0


@dataclass(frozen=True)
class Confirming:
    """The one way in which the page changes anything."""

    door: Door
    pages: Pages
    acts: Mapping[str, Act]

    def routes(self) -> list[Route]:
        return [
            Route("/console/do/{act}", self.door.page(self.ask), methods=["GET"]),
            Route("/console/do/{act}", self.door.form(self.do), methods=["POST"]),
        ]

    async def ask(self, visit: Visit) -> Response:
        """What the act would do, and a form that does it."""
        act = self._act(visit)
        return await self._asked(visit, act, visit.query)

    async def do(self, visit: Visit, form: Mapping[str, str]) -> Response:
        """Do it, and say what came of it where the operator came from; a refusal is said with the question."""
        act = self._act(visit)
        try:
            done = await act.do(visit, _values(act, form))
        except Exception as error:
            return await self._refused(visit, act, form, problem_of(error))
        path = f"{self.pages.prefix}{done.path}" if done.path else self.pages.own(form.get("back", ""))
        return self.pages.redirect_with(visit, path, done.notice)

    async def _refused(self, visit: Visit, act: Act, form: Mapping[str, str], refusal: Problem) -> Response:
        """The question again with the refusal; alone, if what the question is made of cannot be had either."""
        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                return await self._asked(visit, act, form, refusal)
        except Exception as error:
            raise refusal from error

    async def _asked(
        self, visit: Visit, act: Act, given: Mapping[str, str], refusal: Problem | None = None
    ) -> Response:
        values = _values(act, given)
        telling = await act.tell(visit, values)
        typed_in = {each.name for each in telling.inputs}
        return self.pages.shown(
            visit,
            "confirm.html",
            refusal.status if refusal else 200,
            telling=telling,
            refusal=refusal,
            values=values,
            hidden={name: value for name, value in values.items() if name not in typed_in},
            back=self.pages.own(given.get("back", "")),
        )

    def _act(self, visit: Visit) -> Act:
        act = self.acts.get(visit.request.path_params["act"])
        if act is None:
            raise Problem(404, "not-found", "There is no such act.")
        return act


def _values(act: Act, given: Mapping[str, str]) -> Values:
    return {name: given[name] for name in act.takes if name in given}
