"""What the operators' API answers about runs, for the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from functions.ops.dead_letters import LetterId
from functions.ops.runs import RunId, RunKind, RunStatus
from shared.jobs.records import FindingKind
from shared.openapi import AnswerBody


class TimeWindow(AnswerBody):
    """The times of change that a run of the sync covers, both inclusive."""

    start_date: datetime | None = Field(description="Null is the beginning of time.")
    end_date: datetime | None = Field(description="Null until the run has begun.")


class BatchCount(AnswerBody):
    """How far a run of the sync is."""

    arrived: int = Field(ge=0)
    total: int | None = Field(ge=0, description="Null until it is known.")


class OperatorRun(AnswerBody):
    """A run of whatever kind."""

    id: RunId
    kind: RunKind
    subject: str = Field(description="`returns`, `products`, `images`, or the retailer of a feed.")
    status: RunStatus
    phase: str = Field(description="What it is at, in words.")
    purpose: str = Field(
        description="Of a run of the sync: `sync`, `resync`, `repair` or `reindex`; else empty."
    )
    by: str = Field(description="Who wanted it; empty for a schedule or an event.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float = Field(ge=0, description="How long it took, or has taken so far.")
    per_second: float | None = Field(
        ge=0, description="How many of its unit a second; null where none was counted."
    )
    window: TimeWindow | None = Field(description="Null of all that is no run of the sync.")
    batches: BatchCount | None = Field(description="Null of all that is no run of the sync.")
    unit: Literal["records", "stores"]
    done: int | None = Field(
        ge=0,
        description="How many of its unit were dealt with so far; null of an open price run in a list. Of an audit "
        "that is under way both sides count, of one that is done what was compared.",
    )
    total: int | None = Field(ge=0, description="Of how many, where that is known.")
    options: dict[str, Any] = Field(description="What it was asked for.")
    counts: dict[str, int] = Field(description="What it has found or done, by name.")
    by_account: dict[str, dict[str, int]] = Field(description="Findings by account and kind.")
    uses: dict[str, int] = Field(description="Reads, writes and requests by name.")
    took_over: str = Field(
        description="The run whose window this one does again, since it was left unfinished; or empty."
    )
    error: str = Field(description="Why it failed, or is tried again; or empty.")
    trace: str = Field(description="The same in the logs; or empty.")
    dead_letters: list[LetterId] = Field(
        description="Some of those that bear its trace; only where one run is read."
    )


class OperatorRunPage(AnswerBody):
    """A page of runs of a kind."""

    runs: list[OperatorRun]
    next_cursor: str | None = Field(description="Null on the last page.")


class FindingView(AnswerBody):
    """Something that an audit has found not to be as it should."""

    kind: FindingKind = Field(
        description="`missing` from where it should be, `extra` where it should not be, or `different`."
    )
    id: str = Field(description="Of the return, the product, or the image or object.")
    account: str = Field(description="Whose it is; empty where nothing says so.")
    details: dict[str, str]
    outcome: str = Field(description="What a repair made of it; empty if none has been there.")


class FindingListing(AnswerBody):
    """One page of an audit's findings. It may be short, even empty, and still have a next one."""

    findings: list[FindingView]
    next_cursor: str | None = Field(description="Null on the last page.")
