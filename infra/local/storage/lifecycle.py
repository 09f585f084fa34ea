"""What becomes of objects by age: a bucket's lifecycle rules.

Source: https://cloud.google.com/storage/docs/lifecycle. Google acts within a day or so; a sweep acts at once.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from infra.local.clock import Clock

from .errors import invalid, unimplemented
from .objects import Objects
from .store import Store

_BATCH = 200
# Older than any object gets here, and no trouble to count back.
_MAX_DAYS = 100_000


def deletion_age(lifecycle: Mapping[str, Any]) -> timedelta | None:
    """How old an object must be for the rules to delete it; None if they delete nothing.

    Args:
        lifecycle: as a bucket's resource has it. An object need only meet one of several rules.

    Raises:
        StorageError: it is malformed, or has more than deletion by age.
    """
    rules = lifecycle.get("rule", []) if isinstance(lifecycle, Mapping) else None
    if not isinstance(rules, list):
        raise invalid("A lifecycle must be an object, whose rule is a list.")
    return min((_age(rule) for rule in rules), default=None)


def _age(rule: Any) -> timedelta:
    match rule:
        case {"action": {"type": "Delete"}, "condition": {"age": age, **others}} if not others:
            return _days(age)
        case {"action": {"type": str(action)}, "condition": dict(conditions)} if conditions:
            beyond = f"{action} on condition of {', '.join(map(str, conditions))}"
            raise unimplemented(f"{beyond} in a bucket's lifecycle")
        case _:
            raise invalid("A lifecycle rule must have an action with a type, and a condition.")


def _days(age: Any) -> timedelta:
    if not isinstance(age, int) or isinstance(age, bool) or age < 0:
        raise invalid(f"The age in a lifecycle rule must be a number of days, not {age!r}.")
    return timedelta(days=min(age, _MAX_DAYS))


class Lifecycle:
    """Deletes, from every bucket, what has reached the age that its rules name."""

    def __init__(self, store: Store, objects: Objects, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock

    async def sweep(self) -> None:
        """Delete what is old enough by now; each deletion has its event."""
        for bucket, lifecycle in self._store.lifecycles().items():
            if (age := deletion_age(lifecycle)) is not None:
                await self._delete_older(bucket, age)

    async def _delete_older(self, bucket: str, age: timedelta) -> None:
        until = self._clock.now() - age
        while old := self._store.created_by(bucket, until, _BATCH):
            for stored in old:
                self._objects.delete(bucket, stored.name, stored.generation)
            await asyncio.sleep(0)
