"""``/ops/console/dead-letters``: work that failed for good, and one piece of it."""

from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.door import Door
from functions.ops.console.letter_acts import letter_id_in
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.whereabouts import related
from functions.ops.dead_letters import LetterQuery, Letters, LetterStatus, QueueName
from shared.problems import validation_problem

_PAGE = 25
_FILTERS = ("status", "queue", "function", "cursor")
_ALL = "all"


@dataclass(frozen=True)
class LetterPages:
    """Lists of dead letters, and letters."""

    door: Door
    pages: Pages
    letters: Letters

    def routes(self) -> list[Route]:
        return [
            Route("/console/dead-letters", self.door.page(self.list), methods=["GET"]),
            Route("/console/dead-letters/{letter}", self.door.page(self.show), methods=["GET"]),
        ]

    async def list(self, visit: Visit) -> Response:
        """Those that a filter lets pass, the newest first: open ones, unless others are asked for."""
        query = _query(visit)
        return self.pages.shown(
            visit,
            "dead_letters.html",
            page=await self.letters.page(query),
            query=query,
            statuses=get_args(LetterStatus),
            queues=get_args(QueueName),
        )

    async def show(self, visit: Visit) -> Response:
        """One letter, with its payload."""
        letter = await self.letters.get(letter_id_in(visit.request.path_params))
        return self.pages.shown(
            visit, "dead_letter.html", letter=letter, related=related(letter.queue, letter.payload)
        )


def _query(visit: Visit) -> LetterQuery:
    given = {name: value for name in _FILTERS if (value := visit.query.get(name))}
    status = given.pop("status", "open")
    chosen = {} if status == _ALL else {"status": status}
    try:
        return LetterQuery.model_validate({**given, **chosen, "limit": _PAGE})
    except ValidationError as error:
        raise validation_problem(error) from error
