"""What the operators' API answers, for the OpenAPI document: at run time it answers with plain dictionaries."""

from datetime import datetime
from typing import Any

from pydantic import Field

from functions.ops.dead_letters import LetterId, LetterStatus
from shared.openapi import AnswerBody


class DeadLetterView(AnswerBody):
    """Work that failed for good."""

    id: LetterId
    queue: str = Field(description="On which it is tried again.")
    function: str = Field(description="Who gave up.")
    payload: dict[str, Any] = Field(description="The task's body.")
    error: str
    attempts: int = Field(ge=0, description="How often it was tried.")
    trace: str = Field(description="Of the attempt that gave up; the same in the logs.")
    event: str | None = Field(description="The event of the outbox that it is about: `{product}:{version}`.")
    status: LetterStatus
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None = Field(description="The `sub` of who replayed or discarded it.")
    reason: str | None = Field(description="Why it was discarded.")


class DeadLetterPage(AnswerBody):
    """One page of a list."""

    dead_letters: list[DeadLetterView]
    total: int = Field(ge=0, description="On all pages.")
    next_cursor: str | None = Field(description="Null on the last page.")


class ReplayFailure(AnswerBody):
    """A letter that was not replayed, and why."""

    id: LetterId
    detail: str


class ReplayAnswer(AnswerBody):
    """What became of several letters."""

    replayed: int = Field(ge=0)
    failed: list[ReplayFailure]
    more: bool = Field(description="Whether the queue has open letters beyond those that were tried.")


class BackfillBegun(AnswerBody):
    """What the function ``image-backfill`` answers: how many images of how many products it has begun with."""

    products: int
    images: int
    next: str | None
