"""Generations of a storefront: which is served, which are kept, who builds the next, as pure steps of its state.

Each step takes the state as it was read and returns the state to write in its place, on the condition that nobody has
written meanwhile (``states.py``). So of any number of builders, at any speed, dead or alive:

- a generation is numbered when it is claimed, and no number is used twice;
- the pointer moves by :func:`flipped`, which refuses whoever is not the latest to have claimed, or by
  :func:`rolled_back`, which takes the claim from whoever has it;
- what is not served any more stays for :data:`GRACE`, for readers who have the old pointer in their hands, and the
  generation that was served before for as long as there is none newer, for a rollback; but no more than
  :data:`MAX_KEPT` of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.problems import Problem
from shared.storefronts import BUILT_WITHIN, RebuildTask

# Longer than an attempt can take (infra/topology.yaml: 240 s).
LEASE = timedelta(minutes=5)
# Longer than a reader or a builder can go on with what it has read before.
GRACE = timedelta(minutes=10)
# The state is read with each page: a store that is rebuilt all the time must not make it grow.
MAX_KEPT = 10


@dataclass(frozen=True)
class Generation:
    """The views of a store as they were built at one time.

    Args:
        retired_at: since when it is not served any more; ``None`` while it is.
        directory: which of its documents holds which categories, encoded (``packing.py``).
        categories_version: of the categories that it was built from.
        stats: what was counted in the build, such as items and categories.
    """

    number: int
    built_at: datetime
    directory: bytes
    categories_version: int
    stats: Mapping[str, int]
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Claim:
    """Somebody builds a generation.

    Args:
        ticket: the latest that was drawn before; the build covers it and all before it.
        holder: the key of the task, which may claim anew when it is tried again.
        until: nobody else begins before.
    """

    generation: int
    ticket: int
    holder: str
    until: datetime


@dataclass(frozen=True)
class Storefront:
    """The state of a storefront as it was read.

    Args:
        requested: the latest ticket that was drawn.
        due_at: when the sweeper is to see that it was built; ``None`` when no ticket is open.
        built: the latest ticket that is covered.
        last_generation: the highest number that was claimed.
        current: the generation that is served; ``None`` before the first.
        generations: those that are kept, by number.
        abandoned: since when claims are known to lead nowhere, by the number of their generation.
        removing: generations whose documents are being deleted.
        update_time: for the precondition of a change to it.
    """

    store_id: str
    requested: int = 0
    due_at: datetime | None = None
    built: int = 0
    last_generation: int = 0
    claim: Claim | None = None
    current: int | None = None
    generations: Mapping[int, Generation] = field(default_factory=dict)
    abandoned: Mapping[int, datetime] = field(default_factory=dict)
    removing: Sequence[int] = ()
    update_time: Any = None

    @property
    def served(self) -> Generation | None:
        """The generation that is served, if there is one."""
        return None if self.current is None else self.generations[self.current]

    @property
    def previous(self) -> int | None:
        """Where a rollback leads: of the older generations, the one that was served last."""
        older = [each for number, each in self.generations.items() if number < (self.current or 0)]
        if not older:
            return None
        return max(older, key=lambda each: (each.retired_at or each.built_at, each.number)).number


def claimed(state: Storefront, task: RebuildTask, now: datetime) -> Storefront | Claim | Literal["covered"]:
    """The task begins to build, unless there is nothing for it to do, or not yet.

    Returns:
        The state with the task's claim; ``covered`` if somebody builds, or has built, what is asked for; or the claim
        that is to be waited for: of somebody who builds what may be older than that.

    A claim whose holder is tried again gives way at once: Cloud Tasks does that when the attempt before has ended. If
    it has not, as after a duplicate delivery, the earlier attempt will be refused at its end.
    """
    if task.ticket <= state.built:
        return "covered"
    held = state.claim
    if held and held.until > now and held.holder != task.key:
        return "covered" if task.ticket <= held.ticket else held
    number = state.last_generation + 1
    claim = Claim(number, state.requested, task.key, now + LEASE)
    return replace(_without_claim(state, now), last_generation=number, claim=claim)


# served: it is done already, since a commit whose answer was lost is repeated. overtaken: the claim was taken away.
Verdict = Literal["served", "overtaken"]


def flipped(state: Storefront, made: Generation, now: datetime, *, again: bool) -> Storefront | Verdict:
    """What was made is served from now on.

    Args:
        again: whether the build has left something over: a ticket is drawn for it, unless one is open.
    """
    if made.number in state.generations:
        return "served"
    if state.claim is None or state.claim.generation != made.number:
        return "overtaken"
    built = max(state.built, state.claim.ticket)
    after = replace(_serving(state, made, now), claim=None, built=built)
    if state.requested > built:
        return after
    if not again:
        return replace(after, due_at=None)
    return replace(after, requested=built + 1, due_at=now + BUILT_WITHIN)


def rolled_back(state: Storefront, number: int | None, now: datetime) -> Storefront:
    """A generation that is kept is served again, until somebody asks for a rebuild: open tickets are settled.

    Args:
        number: which; the one that was served before, if it is not given.

    Raises:
        Problem: 409, there is no such generation.
    """
    wanted = state.previous if number is None else number
    if wanted is None or wanted not in state.generations:
        kept = ", ".join(map(str, sorted(state.generations))) or "none"
        detail = f"There is no such generation to go back to; kept are: {kept}."
        raise Problem(409, "no-such-generation", detail)
    again = _serving(_without_claim(state, now), state.generations[wanted], now)
    return replace(again, built=state.requested, due_at=None)


def removable(state: Storefront, now: datetime) -> list[int]:
    """The generations that nobody needs any more, and those whose removal has begun."""
    due = [number for number, until in _kept_until(state).items() if until <= now]
    return sorted({*due, *state.removing})


def removing(state: Storefront, now: datetime) -> Storefront:
    """What is :func:`removable` is out of everybody's reach, so that its documents can be deleted."""
    gone = removable(state, now)
    return replace(
        state,
        generations={number: each for number, each in state.generations.items() if number not in gone},
        abandoned={number: since for number, since in state.abandoned.items() if number not in gone},
        removing=gone,
    )


def removed(state: Storefront, numbers: Sequence[int]) -> Storefront:
    """The documents of some generations are deleted."""
    return replace(state, removing=[number for number in state.removing if number not in numbers])


def cleanup_at(state: Storefront, now: datetime) -> datetime | None:
    """When something is to be removed: at once where that has begun; ``None`` if nothing, as it is."""
    return now if state.removing else min(_kept_until(state).values(), default=None)


def _serving(state: Storefront, chosen: Generation, now: datetime) -> Storefront:
    generations = {**state.generations, chosen.number: replace(chosen, retired_at=None)}
    if (left := state.served) and left.number != chosen.number:
        generations[left.number] = replace(left, retired_at=now)
    return _bounded(replace(state, current=chosen.number, generations=generations))


def _bounded(state: Storefront) -> Storefront:
    """Those that were retired first go at once where there are too many: readers who miss one look at the pointer."""
    needed = {state.current, state.previous}
    retired = [each for number, each in state.generations.items() if number not in needed]
    retired.sort(key=lambda each: (each.retired_at or each.built_at, each.number))
    gone = [each.number for each in retired[: max(0, len(state.generations) - MAX_KEPT)]]
    kept = {number: each for number, each in state.generations.items() if number not in gone}
    return replace(state, generations=kept, removing=[*state.removing, *gone])


def _without_claim(state: Storefront, now: datetime) -> Storefront:
    """Whoever has the claim has it no more; what it has written so far is to be removed."""
    if state.claim is None:
        return state
    return replace(state, claim=None, abandoned={**state.abandoned, state.claim.generation: now})


def _kept_until(state: Storefront) -> dict[int, datetime]:
    """How long that is kept which is neither served nor where a rollback leads."""
    needed = {state.current, state.previous}
    retired = {
        number: (each.retired_at or each.built_at) + GRACE
        for number, each in state.generations.items()
        if number not in needed
    }
    return retired | {number: since + GRACE for number, since in state.abandoned.items()}
