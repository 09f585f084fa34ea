"""Deleting the documents of generations that nobody reads any more, and of builds that led nowhere."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.storefront.documents import view_documents
from functions.storefront.generations import Storefront, removable, removed, removing
from functions.storefront.states import States

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# A commit has 500 writes at most.
_AT_ONCE = 500


@dataclass(frozen=True)
class Removal:
    """Removes what is due: a read and a write for each document, and three of each for the state."""

    db: "AsyncClient"
    states: States

    async def run(self, store_id: str) -> int:
        """Remove what a store needs no more; how many generations that was.

        They are out of everybody's reach before their documents go, and forgotten afterwards; what dies in between is
        due at once, for the next sweep.

        Raises:
            Problem: 404, there is no such storefront.
            TransientError: others keep writing it.
        """
        state = await self.states.step(store_id, _begin)
        if state is None:
            return 0
        await asyncio.gather(*(self._delete(store_id, number) for number in state.removing))
        gone = tuple(state.removing)
        await self.states.step(store_id, lambda now_so, _: removed(now_so, gone), seen=state)
        return len(gone)

    async def _delete(self, store_id: str, generation: int) -> None:
        found = [each.reference async for each in view_documents(self.db, store_id, generation).stream()]
        await asyncio.gather(
            *(self._commit(found[start : start + _AT_ONCE]) for start in range(0, len(found), _AT_ONCE))
        )

    async def _commit(self, documents: Sequence[Any]) -> None:
        batch = self.db.batch()
        for document in documents:
            batch.delete(document)
        await batch.commit()


def _begin(state: Storefront, now: datetime) -> Storefront | None:
    return removing(state, now) if removable(state, now) else None
