"""How far a re-index is, and what comes next: pure functions of times and numbers.

1. *walk*: all of ``order_returns`` is written to a temporary index, as of the moment at which the walk began.
2. *catch up*: what has fallen due or changed since then is written too; in rounds, for as long as a round is long.
3. *compare*: whether the new index is plausible beside the live one.
4. *lock*: the sync's own lock is taken, so that nobody writes the live index; then one more round.
5. *move*: the temporary index takes the live one's place.
6. *publish*: the move is waited for, the lock given back.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from shared.return_sync.runs import OVERLAP
from shared.return_sync.walk import Position, Walk, Window

Stage = Literal["walk", "catch up", "compare", "lock", "move", "publish"]

# A round goes over what fell due first: a return that changes before it is found there has a change to be found by,
# which the second walk comes to. In the other order it would be found by neither.
_WALKS: tuple[Walk, ...] = ("next_status_at", "updated_at")
# A round that took no longer is short enough to be made once more while the sync stands still.
SHORT_ROUND = timedelta(minutes=1)
# With that many rounds behind it, changes come as fast as they are caught up with; the sync has to stand still then.
MAX_ROUNDS = 5
# A new index with fewer records than this share of the live one's is put in its place only if that is forced.
MIN_SHARE = 0.5
_NO_END = datetime.max.replace(tzinfo=UTC)
# Algolia takes names of up to 256 bytes; this is what its job's name says apart from others.
_NAME_OF_JOB = 8


class Progress(BaseModel):
    """Where a re-index goes on.

    Args:
        index: the temporary index.
        as_of: the database's time when the walk began; its statuses are those of that moment.
        after: the return up to which the walk has come.
        window: of the round that is under way; ``walk`` and ``position`` say how far that is.
        run_id: of the run that holds the sync's lock, while that is held.
        task: of Algolia, the last that has to be done before the next stage is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage
    index: str
    as_of: datetime
    after: str = ""
    window: Window | None = None
    walk: Walk = _WALKS[0]
    position: Position | None = None
    rounds: int = 0
    run_id: str = ""
    task: int | None = None

    def in_round(self, until: datetime) -> Self:
        """At the beginning of a round, up to ``until``, by the database's time.

        It reaches back over the end of the one before, as runs of the sync do and for the same reason: a change may
        become visible later than its own time says.
        """
        since = (self.window.end if self.window else self.as_of) - OVERLAP
        window = Window(start=since, end=until, as_of=until, is_historic=True)
        changes = {"stage": "catch up", "window": window, "walk": _WALKS[0], "position": None}
        return self.model_copy(update={**changes, "rounds": self.rounds + 1})

    def to_be_read(self) -> Window:
        """The window of the round as its walk goes over it.

        The last round, under the lock, goes over changes to their very end, its own included: a return that changes
        again before the walk has come to it is found further on. Else what a run had pushed of it before the lock was
        taken would be in no round. Every other round leaves such a return to the next one.
        """
        assert self.window is not None
        if self.run_id and self.walk == "updated_at":
            return self.window.model_copy(update={"end": _NO_END})
        return self.window

    def past(self, position: Position) -> Self:
        """Further on in the walk of the round."""
        return self.model_copy(update={"position": position})

    def after_walk(self, read_at: datetime, now: datetime) -> Self:
        """Behind the end of one of the round's walks: at the next one, or behind the round.

        Args:
            read_at: the database's time, from which on changes are left to another round.
            now: until when the round took.
        """
        if walk := following(self.walk):
            return self.model_copy(update={"walk": walk, "position": None})
        assert self.window is not None
        if self.run_id:
            return self.at("move")
        if now - self.window.end > SHORT_ROUND and self.rounds < MAX_ROUNDS:
            return self.in_round(read_at)
        return self.at("compare")

    def at(self, stage: Stage) -> Self:
        """At the beginning of another stage."""
        return self.model_copy(update={"stage": stage})

    def without_lock(self) -> Self:
        """The lock is lost: what is written goes on, and then comes another round."""
        back: Stage = "catch up" if self.stage == "catch up" else "lock"
        return self.model_copy(update={"run_id": "", "stage": back})


def temporary_name(index: str, job_id: str, step: int) -> str:
    """The name of the index that a job builds from one of its steps on; each beginning has one of its own."""
    return f"{index}_reindex_{job_id[-_NAME_OF_JOB:]}_{step}"


def following(walk: Walk) -> Walk | None:
    """The walk of a round after another one."""
    position = _WALKS.index(walk) + 1
    return _WALKS[position] if position < len(_WALKS) else None


def objection(new: int, live: int) -> str | None:
    """What is to be said against putting an index of ``new`` records in the place of one of ``live``."""
    if new == 0:
        return "No return would be in the new index."
    if new < live * MIN_SHARE:
        return f"The new index would have {new:,} records, and the live one has {live:,}."
    return None
