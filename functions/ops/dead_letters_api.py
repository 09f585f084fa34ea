"""``/ops/dead-letters`` over HTTP: what a request asks, who asks it, and how the answer looks."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.answers import DeadLetterPage, DeadLetterView, ReplayAnswer
from functions.ops.dead_letters import LetterId, LetterQuery, Letters, QueueName, StoredLetter, no_letter
from functions.ops.replay import MAX_LETTERS, Replays
from shared.auth import Authenticator, Principal
from shared.http import json_response, read_json
from shared.openapi import Answer, Operation

_MAX_BODY_BYTES = 16 * 1024
_CLOSED = {"not-open": "The letter was replayed or discarded before."}
_UNTRIABLE = {"not-replayable": "There is nothing left that could be tried again."}

_letter_ids = TypeAdapter[str](LetterId)


class ReplayAll(BaseModel):
    """Of which queue to replay dead letters, and how many at most."""

    model_config = ConfigDict(extra="forbid")

    queue: QueueName
    limit: int = Field(MAX_LETTERS, ge=1, le=MAX_LETTERS)


class Discard(BaseModel):
    """Why nobody wants this work any more."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


@dataclass(frozen=True)
class DeadLettersApi:
    """``/ops/dead-letters``: for operators only."""

    auth: Authenticator
    letters: Letters
    replays: Replays

    def routes(self) -> list[Route]:
        return [
            Route("/dead-letters", self.list, methods=["GET"]),
            Route("/dead-letters:replay", self.replay_all, methods=["POST"]),
            Route("/dead-letters/{letter_id}:replay", self.replay, methods=["POST"]),
            Route("/dead-letters/{letter_id}:discard", self.discard, methods=["POST"]),
            Route("/dead-letters/{letter_id}", self.get, methods=["GET"]),
        ]

    @Operation(roles=("ops",), query=LetterQuery, answers={200: Answer(DeadLetterPage)})
    async def list(self, request: Request) -> Response:
        """Work that failed for good, the newest first."""
        await self._operator(request)
        page = await self.letters.page(LetterQuery.of(request))
        letters = [view(letter) for letter in page.letters]
        return json_response({"dead_letters": letters, "total": page.total, "next_cursor": page.next_cursor})

    @Operation(roles=("ops",), path={"letter_id": LetterId}, answers={200: Answer(DeadLetterView)})
    async def get(self, request: Request) -> Response:
        """One dead letter."""
        await self._operator(request)
        return json_response(view(await self.letters.get(_letter_id(request))))

    @Operation(
        roles=("ops",),
        path={"letter_id": LetterId},
        answers={202: Answer(DeadLetterView)},
        problems={409: _CLOSED | _UNTRIABLE},
    )
    async def replay(self, request: Request) -> Response:
        """Try a letter's work again. If that fails for good too, a new letter is made."""
        operator = await self._operator(request)
        letter = await self.replays.one(_letter_id(request), operator.subject)
        return json_response(view(letter), status=202)

    @Operation(roles=("ops",), body=ReplayAll, answers={200: Answer(ReplayAnswer)})
    async def replay_all(self, request: Request) -> Response:
        """Try the work of a queue's open letters again, the oldest first; one that fails stays open."""
        operator = await self._operator(request)
        asked = await read_json(request, ReplayAll, _MAX_BODY_BYTES)
        return json_response(asdict(await self.replays.oldest(asked.queue, asked.limit, operator.subject)))

    @Operation(
        roles=("ops",),
        path={"letter_id": LetterId},
        body=Discard,
        answers={200: Answer(DeadLetterView)},
        problems={409: _CLOSED},
    )
    async def discard(self, request: Request) -> Response:
        """Close a letter whose work nobody wants any more."""
        operator = await self._operator(request)
        reason = (await read_json(request, Discard, _MAX_BODY_BYTES)).reason
        return json_response(view(await self.letters.discard(_letter_id(request), operator.subject, reason)))

    async def _operator(self, request: Request) -> Principal:
        principal = await self.auth.user(request)
        principal.require("ops")
        return principal


def view(letter: StoredLetter) -> dict[str, Any]:
    """A letter as the members of :class:`functions.ops.answers.DeadLetterView`."""
    return {
        "id": letter.id,
        "queue": letter.queue,
        "function": letter.function,
        "payload": orjson.loads(letter.payload),
        "error": letter.error,
        "attempts": letter.attempts,
        "trace": letter.trace,
        "event": letter.event or None,
        "created_at": letter.created_at,
        **asdict(letter.closing),
    }


def _letter_id(request: Request) -> str:
    letter_id = str(request.path_params["letter_id"])
    try:
        return _letter_ids.validate_python(letter_id)
    except ValidationError as error:
        # No letter can have such an id.
        raise no_letter(letter_id) from error
