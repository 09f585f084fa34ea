"""Where work goes that will not succeed by itself, so that nothing is lost and nothing is tried for ever.

Cloud Tasks drops a task after its last attempt and has no dead-letter queue; this collection is ours.
"""

import hashlib
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson
from google.api_core.exceptions import AlreadyExists

from shared import trace
from shared.clock import Clock, utc_now

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_log = logging.getLogger(__name__)

COLLECTION = "dead_letters"


@dataclass(frozen=True)
class DeadLetter:
    """One piece of work that failed for good.

    Args:
        key: what makes it the same failure when it is reported again, such as ``"return:R-1@2026-11-20T…"``.
        queue: the queue on which ``payload`` can be tried again.
        function: who gave up on it.
        payload: the task's body, a JSON object; stored as text, since Firestore cannot hold all that JSON can.
        error: why, in words for an operator.
        attempts: how often it was tried.
        event: the event of the outbox that it is about, if any; to try again is to open that event again.
    """

    key: str
    queue: str
    function: str
    payload: dict[str, Any]
    error: str
    attempts: int
    event: str = ""

    @property
    def id(self) -> str:
        """The name of its document."""
        return hashlib.sha256(f"{self.queue}\n{self.key}".encode()).hexdigest()[:32]


class DeadLetters:
    """The ``dead_letters`` collection."""

    def __init__(self, db: "AsyncClient", clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def add(self, letter: DeadLetter) -> None:
        """Keep ``letter``; the same key is kept once, however often it is added."""
        batch = self._db.batch()
        self.write(batch, letter)
        try:
            await batch.commit()
        except AlreadyExists:
            return
        report(letter)

    def write(self, batch: "AsyncWriteBatch", letter: DeadLetter) -> None:
        """Keep ``letter`` when ``batch`` commits, which fails with ``AlreadyExists`` if it is kept already."""
        payload = orjson.dumps(letter.payload).decode()
        kept = {"payload": payload, "status": "open", "trace": trace.current(), "created_at": self._clock()}
        batch.create(self._db.collection(COLLECTION).document(letter.id), asdict(letter) | kept)


def report(letter: DeadLetter) -> None:
    """Tell the operators, once a letter is kept: alerts are cut from this line."""
    _log.error(
        "dead_letter.added",
        extra={"dead_letter": letter.id, "key": letter.key, "queue": letter.queue, "error": letter.error},
    )
