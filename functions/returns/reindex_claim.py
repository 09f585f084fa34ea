"""Who may write a temporary index, or move it: one delivery of one step at a time, and never an older step.

Algolia knows no preconditions, so a delivery that was held up could put an old record over a new one, or bring back an
index that has been moved already, with the little that it writes: to be moved once more, over all that is live. So each
request needs a *claim*, as a batch of the sync does (functions/returns/batches.py): a lease on the document of the
index in ``search_indexes`` that outlasts the request. What a step reads for writing it reads after it has looked at
that document, and its claim fails if anybody has taken one since, or if a later step has ever done so.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from functions.returns.batches import PUSH_TIME
from functions.returns.index_settings import COLLECTION
from shared.clock import Clock
from shared.errors import TransientError
from shared.return_sync.runs import CLAIM, CONFLICTS

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient


class Claim:
    """The right to write a temporary index, seen from one delivery of a job's step.

    Args:
        name: of the temporary index.
        step: of the job; whoever is at an earlier one is too late.
    """

    def __init__(self, db: "AsyncClient", name: str, step: int, clock: Clock) -> None:
        self.name = name
        self._db = db
        self._step = step
        self._clock = clock
        self._document = db.collection(COLLECTION).document(name)
        self._version: Any = None
        self._held_until: datetime | None = None
        self._read_at: datetime | None = None
        # Whether the index may have been moved: it is written no more then.
        self.is_moving = False

    @property
    def read_at(self) -> datetime:
        """The database's time at which :meth:`look` was called."""
        assert self._read_at is not None
        return self._read_at

    async def register(self, index: str, job_id: str) -> None:
        """Note that there is going to be such an index, so that it is found and dropped whatever becomes of the job."""
        fields = {"temporary_of": index, "job_id": job_id, "held_until": None, "step": self._step}
        try:
            await self._document.create(fields | {"is_closed": False, "is_moving": False})
        except CONFLICTS:
            return  # by another delivery of this step

    async def look(self) -> bool:
        """Read the document; whether the index may still be worked on.

        Raises:
            TransientError: another delivery is at work, or was when it died, or this one is too late.
        """
        snapshot = await self._document.get()
        fields = snapshot.to_dict()
        self._read_at = snapshot.read_time
        if fields is None or fields["is_closed"]:
            return False
        if self._is_held(fields):
            raise TransientError("Another delivery is writing this index.")
        if fields["step"] > self._step:
            raise TransientError("A later step of the job has been made.")
        self._version, self.is_moving = snapshot.update_time, fields["is_moving"]
        return True

    def _is_held(self, fields: dict[str, Any]) -> bool:
        return fields["held_until"] is not None and bool(fields["held_until"] > self._clock())

    async def hold(self) -> None:
        """Take the claim, or keep it, for at least one request from now.

        Raises:
            TransientError: another delivery was quicker, or a later step.
        """
        if not self._holds_for_a_request():
            await self._hold({})

    async def hold_for_the_move(self) -> None:
        """Take the claim, and note that the index is not to be written any more.

        Raises:
            TransientError: another delivery was quicker, or a later step.
        """
        await self._hold({"is_moving": True})
        self.is_moving = True

    async def _hold(self, marks: dict[str, Any]) -> None:
        until = self._clock() + CLAIM
        await self._update({"held_until": until, "step": self._step, **marks})
        self._held_until = until
        self.check()

    def check(self) -> None:
        """See to it that the claim lasts for a request from now.

        Raises:
            TransientError: it does not.
        """
        if not self._holds_for_a_request():
            raise TransientError("What came before the request took longer than the claim lasts.")

    def _holds_for_a_request(self) -> bool:
        return self._held_until is not None and self._clock() + PUSH_TIME <= self._held_until

    async def release(self) -> None:
        """Give the claim back, for the next step need not wait: every request under it has been answered."""
        if self._held_until is not None:
            self._held_until = None
            await self._update({"held_until": None})

    async def close(self) -> None:
        """See to it that nobody writes the index any more.

        Raises:
            TransientError: somebody is at it, or was when it died; try again.
        """
        snapshot = await self._document.get()
        fields = snapshot.to_dict()
        if fields is None:
            return
        if self._is_held(fields):
            raise TransientError("A step is still writing the temporary index.")
        self._version = snapshot.update_time
        await self._update({"is_closed": True})

    async def forget(self) -> None:
        """The index is gone, and nobody can write it: nothing need be known of it."""
        await self._document.delete()

    async def _update(self, fields: dict[str, Any]) -> None:
        unchanged = self._db.write_option(last_update_time=self._version)
        try:
            result = await self._document.update(fields, option=unchanged)
        except CONFLICTS as error:
            raise TransientError("Another delivery of this step was quicker.") from error
        self._version = result.update_time


async def temporary_indexes(db: "AsyncClient", index: str) -> dict[str, str]:
    """The temporary indices of an index, each with the job that builds it: a read each."""
    query = db.collection(COLLECTION).where(filter=FieldFilter("temporary_of", "==", index))
    return {snapshot.id: snapshot.get("job_id") async for snapshot in query.stream()}
