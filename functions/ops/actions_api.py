"""``/ops/actions`` over HTTP: the audit log."""

from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.actions import ActionName, Actions
from functions.ops.operators import operator
from shared import cursors
from shared.auth import Authenticator
from shared.http import json_response
from shared.openapi import Answer, AnswerBody, Operation
from shared.queries import Query


class ActionQuery(Query):
    """Which page of the audit log to list, the newest first."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(
        None, max_length=cursors.MAX_LENGTH, description="`next_cursor` of the page before."
    )


class ActionView(AnswerBody):
    """What an operator did, or was refused."""

    id: str
    who: str = Field(description="The operator's `sub`.")
    what: ActionName
    target: str = Field(description="The id or name of what was acted upon.")
    at: datetime
    outcome: str = Field(
        description="`done`, with what came of it, or why not; empty until it is known, or if nobody lived to say."
    )
    details: dict[str, str]
    trace: str = Field(description="The same in the logs.")


class ActionList(AnswerBody):
    """One page of the audit log."""

    actions: list[ActionView]
    next_cursor: str | None = Field(description="Null on the last page.")


@dataclass(frozen=True)
class ActionsApi:
    """``/ops/actions``: for operators only."""

    auth: Authenticator
    actions: Actions

    def routes(self) -> list[Route]:
        return [Route("/actions", self.list_actions, methods=["GET"])]

    @Operation(roles=("ops",), query=ActionQuery, answers={200: Answer(ActionList)})
    async def list_actions(self, request: Request) -> Response:
        """Who did what, to what, and when; the newest first. It is kept for 400 days."""
        await operator(self.auth, request)
        query = ActionQuery.of(request)
        page = await self.actions.page(query.limit, query.cursor)
        return json_response(
            {"actions": [asdict(action) for action in page.actions], "next_cursor": page.next_cursor}
        )
