"""What a re-index writes into a temporary index: what the sync would have written into the live one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.returns.processing import Change, chunks, judge, push
from functions.returns.projection import Decision, Delete, Reject, Save
from functions.returns.reindex_claim import Claim
from shared.search import IndexMissingError, SearchIndex

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot

Snapshots = Sequence["DocumentSnapshot[Any]"]


@dataclass
class Tally:
    """What a step has done and used so far, and the last of Algolia's tasks that it has begun."""

    counts: Counter[str] = field(default_factory=Counter)
    uses: Counter[str] = field(default_factory=Counter)
    done: int = 0
    task: int | None = None


@dataclass(frozen=True)
class Writer:
    """Writes returns into a temporary index, one delivery at a time.

    Args:
        live: the index whose place it is to take.
    """

    live: SearchIndex
    temporary: SearchIndex
    claim: Claim
    max_record_bytes: int
    tally: Tally

    async def fill_in(self, snapshots: Snapshots, as_of: datetime) -> None:
        """Write returns of which nothing has been written, so that nothing need be deleted.

        Raises:
            RefusedError, TransientError: the index or the database is not to be had, or another delivery is at work.
        """
        decisions = [each for each in self._judge(snapshots, as_of) if not isinstance(each, Delete)]
        await self._write(decisions)

    async def bring_up_to_date(self, snapshots: Snapshots, as_of: datetime) -> None:
        """Write what becomes of returns, whatever has been written of them.

        Raises:
            RefusedError, TransientError: as :meth:`fill_in`.
        """
        await self._write(self._judge(snapshots, as_of))

    def _judge(self, snapshots: Snapshots, as_of: datetime) -> list[Decision]:
        return [judge(each.id, each.to_dict() or {}, as_of, self.max_record_bytes) for each in snapshots]

    async def _write(self, decisions: Sequence[Decision]) -> None:
        changes = [each for each in decisions if not isinstance(each, Reject)]
        rejected = [each for each in decisions if isinstance(each, Reject)]
        refused: list[Reject] = []
        for chunk in chunks(changes):
            await push(chunk, self._send, refused)
        deleted = sum(isinstance(each, Delete) for each in changes)
        self.tally.counts.update(
            saved=len(changes) - deleted - len(refused),
            deleted=deleted,
            unprojectable=len(rejected),
            refused=len(refused),
        )
        if stuck := [*rejected, *refused]:
            await self._carry_over([each.return_id for each in stuck])

    async def _send(self, requests: list[dict[str, Any]]) -> None:
        await self.claim.hold()
        self.tally.uses["index_requests"] += 1
        self.tally.task = await self.temporary.batch(requests)

    async def _carry_over(self, ids: Sequence[str]) -> None:
        """Bring along what the live index has of returns that cannot be indexed as they are: it stays as it was.

        The sync leaves it there too, until somebody has mended the return. What the live index does not have goes from
        the new one, in which it may be since an earlier round.
        """
        self.tally.uses["index_requests"] += 1
        try:
            found = await self.live.records(ids)
        except IndexMissingError:
            return
        self.tally.counts["kept"] += sum(record is not None for record in found)
        await push([_as_it_was(*each) for each in zip(ids, found, strict=True)], self._send, [])


def _as_it_was(return_id: str, record: dict[str, Any] | None) -> Change:
    if record is None:
        return Delete(return_id=return_id, fingerprint="")
    return Save(return_id=return_id, fingerprint="", record=record, size=0)
