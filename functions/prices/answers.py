"""The shapes of answers about price runs, for the API's description."""

from datetime import datetime

from pydantic import Field

from functions.prices.queues import RunId
from functions.prices.runs import RunStatus
from functions.prices.stores import StoreStatus
from shared.assortments import RetailerId, StoreId
from shared.openapi import AnswerBody


class WorkView(AnswerBody):
    """What was done: documents of some hundred items each, and items."""

    pages_read: int = Field(ge=0)
    pages_written: int = Field(ge=0)
    items_changed: int = Field(ge=0, description="Items that are new, or other than they were.")


class RunView(AnswerBody):
    """What became of a feed."""

    id: RunId
    retailer: RetailerId
    feed: str = Field(description="The name of its object.")
    generation: int
    status: RunStatus = Field(
        description="`ingesting`: the feed is being read; `running`: its stores are being updated; `done`; `partial`: "
        "stores failed, were refused, or did not finish in time; `refused`: the feed could not be taken; `failed`: it "
        "was never read to its end; `cancelled`: somebody ended it before its time."
    )
    reason: str | None = Field(description="Why it was refused or failed.")
    lines: int = Field(ge=0)
    good: int = Field(ge=0)
    bad: int = Field(ge=0)
    report: str | None = Field(
        description="The name of the object that lists the bad lines, beside the feed."
    )
    stores: int = Field(ge=0, description="Of how many stores it has lines.")
    series: int = Field(ge=0, description="How often it, or a store of it, was run again.")
    missing: list[StoreId] = Field(
        description="Stores that had not finished when it ended, those left out among them; the first 1,000. They "
        "may have since."
    )
    missing_count: int = Field(ge=0)
    failed: list[StoreId] = Field(
        description="Stores that had failed or were refused when it ended; the first 1,000."
    )
    failed_count: int = Field(ge=0)
    totals: WorkView | None = Field(description="For all stores together, once it has ended.")
    deadline: datetime | None = Field(description="By when it goes on, or ends; null once it has.")
    created_at: datetime
    rerun_at: datetime | None = Field(description="When it, or a store of it, was last run again.")
    ended_at: datetime | None


class RunPage(AnswerBody):
    """A page of runs."""

    runs: list[RunView]
    next_cursor: str | None


class StoreView(AnswerBody):
    """What became of a store of a run."""

    store_id: StoreId
    status: StoreStatus = Field(
        description="`pending`: not all of its lines are in; `updated`; `unchanged`: it was like that before; "
        "`failed`; `refused`: it belongs to another retailer; `cancelled`: it was left out."
    )
    reason: str | None
    lines: int = Field(ge=0)
    work: WorkView
    updated_at: datetime


class StoreCounts(AnswerBody):
    """How many stores have each status, now."""

    pending: int = Field(ge=0)
    updated: int = Field(ge=0)
    unchanged: int = Field(ge=0)
    failed: int = Field(ge=0)
    refused: int = Field(ge=0)
    cancelled: int = Field(ge=0)


class RunProgress(RunView):
    """What became of a feed, and a page of its stores, by their ids."""

    counts: StoreCounts
    progress: list[StoreView]
    next_cursor: str | None
