"""Both sides of the comparison, as audits and repairs read them: ``order_returns``, and the search index."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.returns.auditing_judgement import Drift, Known, Verdict, is_document_id, judge
from functions.returns.projection import Record
from shared.errors import TransientError
from shared.jobs.joining import counted
from shared.return_sync.runs import SyncRuns
from shared.return_sync.walk import COLLECTION
from shared.search import MAX_BATCH_RECORDS, BrowsedPage, IndexMissingError, SearchIndex

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

PAGE_SIZE = MAX_BATCH_RECORDS
# How long to wait, each time, for the index to have done what it accepted: 25 s in all.
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 9)
# When what no document can be called was looked up.
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Document:
    """A return's document as it was read, or that there is none; ``read_at`` is the database's time."""

    return_id: str
    stored: Mapping[str, Any] | None
    read_at: datetime


@dataclass(frozen=True)
class Compared:
    """What came of the comparison of one return; ``held`` is whether the index has a record of it at all."""

    return_id: str
    stored: Mapping[str, Any] | None
    held: bool
    verdict: Verdict


class Sides:
    """Both sides, for one step of a job. ``uses`` counts what the step has asked of them.

    Args:
        max_bytes: the plan's record limit.
    """

    def __init__(self, db: "AsyncClient", runs: SyncRuns, index: SearchIndex, max_bytes: int) -> None:
        self.uses: Counter[str] = Counter()
        self._db = db
        self._runs = runs
        self._index = index
        self._max_bytes = max_bytes
        self._watermark: datetime | None = None
        self._settled = False

    async def look(self) -> datetime | None:
        """Read the watermark by which this step judges, before anything else; one read."""
        self.uses["firestore_reads"] += 1
        state = await self._runs.newest()
        self._watermark = state.watermark if state else None
        return self._watermark

    async def count(self) -> int:
        """How many documents there are: a read for each thousand."""
        return await counted(self._db.collection(COLLECTION), self.uses)

    async def index_size(self) -> int | None:
        """How many records the index has; None if there is no index. One request.

        Raises:
            TransientError: the index is not to be had.
        """
        self.uses["index_requests"] += 1
        try:
            answer = await self._index.search({"query": "", "hitsPerPage": 1, "analytics": False})
        except IndexMissingError:
            return None
        return int(answer["nbHits"])

    async def documents(self, after: str) -> list[Document]:
        """Up to 1,000 returns, in the order of their ids, behind an id; a read each."""
        query = self._db.collection(COLLECTION).order_by("__name__").limit(PAGE_SIZE)
        if after:
            query = query.start_after({"__name__": self._db.collection(COLLECTION).document(after)})
        found = [_document(snapshot) async for snapshot in query.stream()]
        self.uses["firestore_reads"] += max(1, len(found))
        return found

    async def documents_of(self, ids: Sequence[str]) -> list[Document]:
        """The documents of these returns, or that there is none; a read each."""
        found = [_document(snapshot) for snapshot in await self._read(ids)]
        return found + [Document(each, None, _EPOCH) for each in ids if not is_document_id(each)]

    async def without_document(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that no document has; a read each."""
        found = await self._read(ids, ["return_id"])
        absent = [snapshot.id for snapshot in found if not snapshot.exists]
        return absent + [each for each in ids if not is_document_id(each)]

    async def browse(self, cursor: str) -> BrowsedPage:
        """The ids of a page of a walk through the index, none if there is no index; one request.

        Raises:
            RefusedError, TransientError: as :meth:`SearchIndex.browse`.
        """
        self.uses["index_requests"] += 1
        try:
            return await self._index.browse([], cursor)
        except IndexMissingError:
            return BrowsedPage([], "", 0)

    async def compare(self, documents: Sequence[Document]) -> list[Compared]:
        """Compare up to 1,000 returns; what looks like drift is looked at twice.

        Raises:
            TransientError: the index is not to be had.
        """
        records = await self._records([each.return_id for each in documents])
        compared = [self._judged(each, record) for each, record in zip(documents, records, strict=True)]
        doubtful = [each.return_id for each in compared if isinstance(each.verdict, Drift)]
        if not doubtful:
            return compared
        confirmed = {each.return_id: each for each in await self.compare_anew(doubtful)}
        return [confirmed.get(each.return_id, each) for each in compared]

    async def compare_anew(self, ids: Sequence[str]) -> list[Compared]:
        """Compare up to 1,000 returns once the index has done all that it had accepted.

        Records are read before documents: who has changed in between has changed since the watermark.

        Raises:
            TransientError: the index is not to be had, or does not come to rest.
        """
        await self._settle()
        records = dict(zip(ids, await self._records(ids), strict=True))
        return [self._judged(each, records[each.return_id]) for each in await self.documents_of(ids)]

    async def remove(self, ids: Sequence[str]) -> None:
        """Delete up to 1,000 records that no document can stand for, which the sync so never writes; one request.

        Raises:
            ValueError: the sync may write one of these; a deletion from here could undo what it does.
            TransientError: the index is not to be had.
        """
        if any(is_document_id(each) for each in ids):
            raise ValueError("records of returns are the sync's to delete")
        self.uses["index_requests"] += 1
        await self._index.batch([_deletion(each) for each in ids])

    async def _read(
        self, ids: Sequence[str], fields: Sequence[str] | None = None
    ) -> "list[DocumentSnapshot[Any]]":
        """What there is of those of the ids that a document can have."""
        references = [self._db.collection(COLLECTION).document(each) for each in ids if is_document_id(each)]
        if not references:
            # Nobody says what Firestore answers when it is asked for no document at all.
            return []
        self.uses["firestore_reads"] += len(references)
        return [snapshot async for snapshot in self._db.get_all(references, field_paths=fields)]

    def _judged(self, document: Document, record: Record | None) -> Compared:
        known = Known(self._watermark, document.read_at, self._max_bytes)
        verdict = judge(document.return_id, document.stored, record, known)
        return Compared(document.return_id, document.stored, record is not None, verdict)

    async def _records(self, ids: Sequence[str]) -> list[Record | None]:
        self.uses["index_requests"] += 1
        try:
            return await self._index.records(ids)
        except IndexMissingError:
            return [None] * len(ids)

    async def _settle(self) -> None:
        """Wait until all is published that the index had accepted when the watermark was read.

        An index applies writes in order, so once one of ours is published, all before it are. Deleting what is not
        there changes nothing; but it would make an index where there is none.
        """
        if self._settled or await self.index_size() is None:
            return
        self.uses["index_requests"] += 1
        # A name of its own each time: somebody may have given a record any that could be foreseen.
        task = await self._index.batch([_deletion(f"_nobody-{secrets.token_hex(8)}")])
        for pause in _PAUSES:
            self.uses["index_requests"] += 1
            if await self._index.is_published(task):
                self._settled = True
                return
            await asyncio.sleep(pause)
        raise TransientError("The index has not applied for half a minute what it accepted.")


def _document(snapshot: "DocumentSnapshot[Any]") -> Document:
    return Document(snapshot.id, snapshot.to_dict(), snapshot.read_time)


def _deletion(object_id: str) -> dict[str, Any]:
    return {"action": "deleteObject", "body": {"objectID": object_id}}
