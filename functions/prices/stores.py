"""What becomes of each store of a run: documents ``price_run_stores/{run_id}:{store_id}``.

A store is ``pending`` until all chunks of its lines have come in. Then it is ``updated``, or ``unchanged`` if it was
like that before. It is ``refused`` if it belongs to another retailer, and ``failed`` if a chunk of it was given up;
should that chunk be tried again with more success, it is ``updated`` after all. It is ``cancelled`` if its run was
before a chunk had come in; should one have been under way, it may be ``updated`` after all, too.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import orjson

from functions.prices.queues import UpdateTask
from functions.prices.runs import CONFLICTS
from shared.clock import Clock
from shared.latch import Latch

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

COLLECTION = "price_run_stores"
# As many as one query brings: of each, two documents are written in one commit of at most 450.
_PAGE = 200

StoreStatus = Literal["pending", "updated", "unchanged", "failed", "refused", "cancelled"]
STATUSES: Sequence[StoreStatus] = get_args(StoreStatus)


class Range(NamedTuple):
    """Where lines of a store are: in a part's content, from a byte ``offset``, ``length`` bytes."""

    part: int
    offset: int
    length: int


class Work(NamedTuple):
    """What was done for a store, repetitions included.

    Attributes:
        pages_read: for merges that came to something, not for those that another one overtook.
        pages_written: exactly, and so ``items_changed``, since they are counted in the commit that writes them.
        items_changed: items that were new or other than before.
    """

    pages_read: int = 0
    pages_written: int = 0
    items_changed: int = 0


@dataclass(frozen=True)
class RunStore:
    """A store of a run as it was read.

    Args:
        retailer, stamp: of the run.
        number: its place among the stores of the run, by id: as what it arrives at the run's latch.
        ranges: where its lines are.
        chunks: into how many tasks they are cut, a power of two.
        series: the latest in which it was run.
        work: in that series.
        is_dirty: whether pages were written that no rebuild has been asked for yet.
        reason: why it failed or was refused, for its retailer.
        update_time: for the precondition of a change to it.
    """

    run_id: str
    store_id: str
    retailer: str
    stamp: str
    number: int
    ranges: Sequence[Range]
    lines: int
    chunks: int
    series: int
    status: StoreStatus
    work: Work
    is_dirty: bool
    reason: str
    updated_at: datetime
    update_time: Any = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to happen to it any more in its series."""
        return self.status in ("updated", "unchanged", "refused")

    @property
    def is_begun(self) -> bool:
        """Whether something of it has come in, in its series."""
        return self.work != Work()

    @property
    def is_left_out(self) -> bool:
        """Whether its run was cancelled before anything of it had come in."""
        return self.status == "cancelled" and not self.is_begun

    @property
    def tasks(self) -> list[UpdateTask]:
        """All tasks of its series."""
        told = {"run_id": self.run_id, "store_id": self.store_id, "series": self.series}
        return [UpdateTask(**told, chunk=chunk) for chunk in range(self.chunks)]


class RunStores:
    """Reads and changes stores of runs."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def document(self, run_id: str, store_id: str) -> Any:
        """The reference of a store's document."""
        return self._db.collection(COLLECTION).document(f"{run_id}:{store_id}")

    def latch(self, run_id: str, store_id: str, series: int) -> Latch:
        """The latch at which the chunks of a series arrive."""
        return Latch(self._db, f"prices:{run_id}:{series}:{store_id}", self._clock)

    async def get(self, run_id: str, store_id: str) -> RunStore | None:
        """One store: one read."""
        return stored_store(await self.document(run_id, store_id).get())

    async def walk(self, run_id: str) -> AsyncIterator[list[RunStore]]:
        """All stores of a run by their ids, some hundred at a time: a read each."""
        after = ""
        while True:
            found = await self.page(run_id, None, after, _PAGE)
            if found:
                yield found
            if len(found) < _PAGE:
                return
            after = found[-1].store_id

    async def page(self, run_id: str, status: StoreStatus | None, after: str, limit: int) -> list[RunStore]:
        """Some stores of a run behind a store, by their ids: a read each."""
        asked = self._of(run_id, status).order_by("store_id").limit(limit)
        if after:
            asked = asked.start_after({"store_id": after})
        return [store async for snapshot in asked.stream() if (store := stored_store(snapshot))]

    async def again(self, stores: Sequence[RunStore]) -> list[RunStore]:
        """Some stores as they are now: a read each."""
        documents = [self.document(store.run_id, store.store_id) for store in stores]
        found = [stored_store(snapshot) async for snapshot in self._db.get_all(documents)]
        return [store for store in found if store]

    async def count(self, run_id: str, status: StoreStatus) -> int:
        """How many stores of a run have a status: a read for each 1,000."""
        counted = await self._of(run_id, status).count().get()
        return int(counted[0][0].value)

    async def is_any_pending(self, run_id: str) -> bool:
        """Whether a store of a run is still to come in: one read, and nothing of what is in it."""
        asked = self._of(run_id, "pending").order_by("store_id").select(["store_id"]).limit(1)
        return bool(await asked.get())

    async def change(self, store: RunStore, fields: Mapping[str, Any]) -> bool:
        """Change some fields of a store; ``False`` if it is not as it was read any more."""
        batch = self._db.batch()
        self.write_change(batch, store, fields)
        try:
            await batch.commit()
        except CONFLICTS:
            return False
        return True

    def write_change(self, batch: "AsyncWriteBatch", store: RunStore, fields: Mapping[str, Any]) -> None:
        """Change some fields in a commit, which fails if the store is not as it was read any more."""
        unchanged = self._db.write_option(last_update_time=store.update_time)
        changed = {**fields, "updated_at": self._clock()}
        batch.update(self.document(store.run_id, store.store_id), changed, option=unchanged)

    def write_work(self, batch: "AsyncWriteBatch", store: RunStore, work: Work) -> None:
        """Add to what was done for a store, whatever else has become of it meanwhile."""
        from google.cloud.firestore import Increment

        added: dict[str, Any] = {
            f"work.{name}": Increment(count) for name, count in work._asdict().items() if count
        }
        if work.pages_written:
            added["is_dirty"] = True
        if added:
            batch.update(self.document(store.run_id, store.store_id), added)

    def _of(self, run_id: str, status: StoreStatus | None) -> Any:
        from google.cloud.firestore import FieldFilter

        query: Any = self._db.collection(COLLECTION).where(filter=FieldFilter("run_id", "==", run_id))
        return query.where(filter=FieldFilter("status", "==", status)) if status else query


def stored_store(snapshot: "DocumentSnapshot[Any]") -> RunStore | None:
    """The store in a document, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known = {name: fields[name] for name in RunStore.__dataclass_fields__ if name in fields}
    known["ranges"] = [Range(*each) for each in orjson.loads(fields["ranges"])]
    known["work"] = Work(**fields["work"])
    return RunStore(**known, update_time=snapshot.update_time)
