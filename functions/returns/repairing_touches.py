"""Making returns count as changed, so that the next run of the sync brings them into the index, or out of it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.api_core.exceptions import Aborted, AlreadyExists, NotFound
from google.cloud.firestore import SERVER_TIMESTAMP

from functions.returns.ingestion import Removal
from shared.clock import Clock
from shared.errors import TransientError
from shared.return_sync.walk import COLLECTION

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# Before the earliest time that a message may have (functions/returns/model.py), so that each counts as newer.
_BEFORE_ANY_MESSAGE = datetime(1969, 1, 1, tzinfo=UTC)
# A return may come into being, or its tombstone expire, between the look at it and the commit.
_MAX_TURNS = 5


class Touches:
    """Writes nothing of a return but ``updated_at``, and a tombstone where there is no document."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def touch(self, return_ids: Collection[str]) -> datetime:
        """Make up to 500 returns count as changed: a read each, to see which there are, and one commit.

        Returns:
            When they were, by the database's clock: a run whose window ends no sooner has them in it.

        Raises:
            TransientError: others kept writing the same returns; none was touched.
        """
        for _ in range(_MAX_TURNS):
            try:
                return await self._commit(return_ids)
            except (AlreadyExists, NotFound, Aborted):
                continue
        raise TransientError("The same returns are being written by others.")

    async def _commit(self, return_ids: Collection[str]) -> datetime:
        references = [self._db.collection(COLLECTION).document(each) for each in return_ids]
        batch = self._db.batch()
        async for snapshot in self._db.get_all(references, field_paths=["return_id"]):
            if snapshot.exists:
                batch.update(snapshot.reference, {"updated_at": SERVER_TIMESTAMP})
            else:
                batch.create(snapshot.reference, self._tombstone(snapshot.id))
        results = await batch.commit()
        changed: datetime = max(result.update_time for result in results)
        return changed

    def _tombstone(self, return_id: str) -> dict[str, object]:
        """What has the sync delete a record that no document stands for.

        It is of no account: what the index says of that may be as wrong as the rest, and the return, should the
        warehouse send it one day, would be refused to whom it really belongs.
        """
        return Removal(return_id, _BEFORE_ANY_MESSAGE).fields(self._clock(), None)
