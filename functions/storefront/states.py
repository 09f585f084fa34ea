"""The documents of ``storefronts``: one step of a store's state is one commit, if nobody has written meanwhile.

A ticket (``shared/storefronts.py``) is drawn without reading; whatever else happens to a state goes through here.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from google.api_core.exceptions import Aborted, FailedPrecondition

from functions.storefront.generations import Claim, Generation, Storefront, cleanup_at
from shared.clock import Clock
from shared.errors import TransientError
from shared.problems import Problem
from shared.storefronts import COLLECTION
from shared.turns import turns

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

Ending = TypeVar("Ending")
# Adds to a batch what is to be committed with a step.
Also = Callable[["AsyncWriteBatch"], None]


class States:
    """The states of all storefronts. A step is a read and a write, and as many again for each who comes in between."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def get(self, store_id: str) -> Storefront | None:
        """The state of a store of which anybody has asked for a storefront. One read."""
        return stored_storefront(await self._document(store_id).get())

    async def step(
        self,
        store_id: str,
        decide: Callable[[Storefront, datetime], Storefront | Ending],
        *,
        seen: Storefront | None = None,
        also: Also | None = None,
    ) -> Storefront | Ending:
        """Write the state that ``decide`` makes of the present one; what is no state ends it without a write.

        Args:
            seen: the state, if it has just been read.
            also: adds further writes to the commit.

        Raises:
            Problem: 404, nobody has ever asked for this storefront; or as ``decide`` does.
            TransientError: others keep writing it.
        """
        async for turn in turns():
            state = seen if seen and turn == 0 else await self.get(store_id)
            if state is None:
                raise no_storefront(store_id)
            after = decide(state, self._clock())
            if not isinstance(after, Storefront):
                return after
            if written := await self._commit(state, after, also):
                return written
        raise TransientError("Others keep writing this storefront.")

    async def _commit(self, state: Storefront, after: Storefront, also: Also | None) -> Storefront | None:
        """The state as it is then; ``None`` if somebody has written meanwhile."""
        batch = self._db.batch()
        unchanged = self._db.write_option(last_update_time=state.update_time)
        batch.update(self._document(state.store_id), _fields(after, self._clock()), option=unchanged)
        if also:
            also(batch)
        try:
            written = await batch.commit()
        except (Aborted, FailedPrecondition):
            return None
        return replace(after, update_time=written[0].update_time)

    def _document(self, store_id: str) -> Any:
        return self._db.collection(COLLECTION).document(store_id)


def no_storefront(store_id: str) -> Problem:
    """The answer where a store shows nothing."""
    return Problem(404, "not-found", f"There is no storefront of {store_id!r}.")


def stored_storefront(snapshot: "DocumentSnapshot[Any]") -> Storefront | None:
    """The state in a document, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    claim: Mapping[str, Any] | None = fields.get("claim")
    generations: Mapping[str, Any] = fields.get("generations", {})
    return Storefront(
        store_id=snapshot.id,
        requested=fields.get("requested", 0),
        due_at=fields.get("due_at"),
        built=fields.get("built", 0),
        last_generation=fields.get("last_generation", 0),
        claim=Claim(**claim) if claim else None,
        current=fields.get("current"),
        generations={int(number): Generation(**each) for number, each in generations.items()},
        abandoned={int(number): since for number, since in fields.get("abandoned", {}).items()},
        removing=fields.get("removing", []),
        update_time=snapshot.update_time,
    )


def _fields(state: Storefront, now: datetime) -> dict[str, Any]:
    """What a state is stored as. The last four follow from the others: readers and the sweeper look at them alone."""
    served = state.served
    return {
        "requested": state.requested,
        "due_at": state.due_at,
        "built": state.built,
        "last_generation": state.last_generation,
        "claim": asdict(state.claim) if state.claim else None,
        "current": state.current,
        "generations": {str(number): asdict(each) for number, each in state.generations.items()},
        "abandoned": {str(number): since for number, since in state.abandoned.items()},
        "removing": list(state.removing),
        "directory": served.directory if served else b"",
        "built_at": served.built_at if served else None,
        "categories_version": served.categories_version if served else 0,
        "cleanup_at": cleanup_at(state, now),
    }
