"""``Idempotency-Key``: the answer to a first request is the answer to its repetitions, for 24 hours.

A key is claimed before the work and settled in the commit that does it. So whoever dies in between leaves a claim
that lapses, and never a product that its repetition would create a second time.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound

from shared.clock import Clock
from shared.problems import Problem

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncWriteBatch

COLLECTION = "idempotency_keys"
KEPT = timedelta(hours=24)
# Longer than a product takes to be written. Should it take longer still, its commit fails, for the claim is another's.
_CLAIM = timedelta(seconds=20)


@dataclass(frozen=True)
class Claim:
    """The right to do the work of a key."""

    document: "AsyncDocumentReference"
    update_time: Any


class IdempotencyKeys:
    """The ``idempotency_keys`` collection."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def begin(self, user_id: str, key: str, request: bytes) -> Claim | bytes:
        """Claim a key, or find what was answered to it.

        Args:
            key: of one line.
            request: what the request asks, in a form that is equal for equal requests.

        Returns:
            A claim, or the earlier answer's body.

        Raises:
            Problem: 409 while the first request with the key is being served; 422 if that one asked something else.
        """
        name = hashlib.sha256(f"{user_id}\n{key}".encode()).hexdigest()
        document = self._db.collection(COLLECTION).document(name)
        fields = self._claimed(hashlib.sha256(request).hexdigest())
        try:
            return Claim(document, (await document.create(fields)).update_time)
        except AlreadyExists:
            return await self._repeated(document, fields)

    def settle(self, batch: "AsyncWriteBatch", claim: Claim, response: bytes) -> None:
        """Keep the answer when ``batch`` commits, which fails with ``FailedPrecondition`` if the claim has lapsed."""
        mine = self._db.write_option(last_update_time=claim.update_time)
        kept = {"response": response, "expire_at": self._clock() + KEPT}
        batch.update(claim.document, kept, option=mine)

    async def abandon(self, claim: Claim) -> None:
        """Let the next request with the key try, since nothing came of this one."""
        mine = self._db.write_option(last_update_time=claim.update_time)
        try:
            await claim.document.delete(option=mine)
        except (FailedPrecondition, NotFound):
            return

    def _claimed(self, body_hash: str) -> dict[str, Any]:
        now = self._clock()
        return {
            "body_hash": body_hash,
            # By this, a claim whose answer was lost is known for one's own.
            "claimed_by": secrets.token_hex(8),
            "claimed_until": now + _CLAIM,
            "response": None,
            "expire_at": now + KEPT,
        }

    async def _repeated(self, document: "AsyncDocumentReference", claimed: dict[str, Any]) -> Claim | bytes:
        snapshot = await document.get()
        found = snapshot.to_dict()
        if found is None:
            raise _in_flight()
        if found["claimed_by"] == claimed["claimed_by"]:
            return Claim(document, snapshot.update_time)
        if found["expire_at"] > self._clock():
            if found["body_hash"] != claimed["body_hash"]:
                raise Problem(
                    422, "idempotency-key-reused", "This Idempotency-Key came with another body before."
                )
            if found["response"] is not None:
                return bytes(found["response"])
            if found["claimed_until"] > self._clock():
                raise _in_flight()
        return await self._take_over(document, snapshot.update_time, claimed)

    async def _take_over(
        self, document: "AsyncDocumentReference", update_time: Any, claimed: dict[str, Any]
    ) -> Claim:
        unchanged = self._db.write_option(last_update_time=update_time)
        try:
            return Claim(document, (await document.update(claimed, option=unchanged)).update_time)
        except (FailedPrecondition, NotFound) as error:
            raise _in_flight() from error


def _in_flight() -> Problem:
    return Problem(
        409,
        "request-in-flight",
        "The first request with this Idempotency-Key is still being served; try again.",
        headers={"Retry-After": "1"},
    )
