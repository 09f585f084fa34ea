"""Runs and their stores, a page at a time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field, TypeAdapter

from functions.prices.queues import RunId
from functions.prices.runs import COLLECTION, Run, stored_run
from functions.prices.stores import STATUSES, RunStore, RunStores, StoreStatus
from shared import cursors
from shared.assortments import RetailerId, StoreId
from shared.cursors import Moment
from shared.queries import Query

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_run_position = TypeAdapter[tuple[datetime, str]](tuple[Moment, RunId])
_store_position = TypeAdapter[tuple[str]](tuple[StoreId])

_CURSOR_MEANS = "`next_cursor` of the page before, for the same list."


class RunQuery(Query):
    """Which runs to list, the newest first."""

    retailer: RetailerId | None = Field(None, description="Whose; for a retailer, its own in any case.")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=cursors.MAX_LENGTH, description=_CURSOR_MEANS)


class ProgressQuery(Query):
    """Which stores of a run to list, by their ids."""

    status: StoreStatus | None = None
    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(None, max_length=cursors.MAX_LENGTH, description=_CURSOR_MEANS)


@dataclass(frozen=True)
class Progress:
    """How many stores of a run have each status, and a page of them."""

    counts: Mapping[StoreStatus, int]
    stores: list[RunStore]
    next_cursor: str | None


@dataclass(frozen=True)
class Listing:
    """Lists runs and their stores."""

    db: "AsyncClient"
    stores: RunStores

    async def runs(self, query: RunQuery, retailer: str | None) -> tuple[list[Run], str | None]:
        """Runs of a retailer, or all, the newest first, and where the next page begins: a read each, and one more.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        from google.cloud.firestore import FieldFilter

        asked: Any = self.db.collection(COLLECTION)
        if retailer is not None:
            asked = asked.where(filter=FieldFilter("retailer", "==", retailer))
        asked = asked.order_by("created_at", direction="DESCENDING")
        asked = asked.order_by("__name__", direction="DESCENDING").limit(query.limit + 1)
        key = f"price-runs/{retailer}"
        if query.cursor:
            created_at, run_id = cursors.decode(key, query.cursor, _run_position)
            place = self.db.collection(COLLECTION).document(run_id)
            asked = asked.start_after({"created_at": created_at, "__name__": place})
        found = [run async for snapshot in asked.stream() if (run := stored_run(snapshot))]
        page = found[: query.limit]
        more = len(found) > query.limit
        return page, cursors.encode(key, (page[-1].created_at, page[-1].id)) if more else None

    async def progress(self, run: Run, query: ProgressQuery) -> Progress:
        """A page of a run's stores: a read each and one more, and a read for each 1,000 of all of them.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        key = f"price-runs/{run.id}/{query.status}"
        after = cursors.decode(key, query.cursor, _store_position)[0] if query.cursor else ""
        found, numbers = await asyncio.gather(
            self.stores.page(run.id, query.status, after, query.limit + 1),
            asyncio.gather(*(self.stores.count(run.id, status) for status in STATUSES)),
        )
        page = found[: query.limit]
        more = len(found) > query.limit
        next_cursor = cursors.encode(key, (page[-1].store_id,)) if more else None
        return Progress(dict(zip(STATUSES, numbers, strict=True)), page, next_cursor)
