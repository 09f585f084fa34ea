"""Time to live: documents expire at the moment that one of their fields holds.

https://firebase.google.com/docs/firestore/ttl. Google deletes within 24 hours; a sweep deletes at once.
"""

import asyncio
from collections.abc import Iterable

from infra.local.firestore.database import Database
from infra.local.firestore.encode import encode_value
from infra.local.firestore.messages import Value, Write
from infra.local.firestore.paths import parse_resource
from infra.local.firestore.writes import timestamp

_BATCH = 200


class TimeToLive:
    """Deletes expired documents of some collection groups, in every database.

    Args:
        database: where they are.
        groups: the collection groups with a policy.
    """

    def __init__(self, database: Database, groups: Iterable[str]) -> None:
        self._database = database
        self._groups = tuple(groups)

    async def sweep(self) -> int:
        """Delete what has expired, and say how many documents that were."""
        swept = 0
        for group in self._groups:
            while deleted := self._delete_some(group):
                swept += deleted
                await asyncio.sleep(0)
        return swept

    def _delete_some(self, group: str) -> int:
        now = Value(timestamp_value=timestamp(self._database.read_time_us()))
        expired = self._database.store.expired(group, encode_value(now), _BATCH)
        by_database: dict[str, list[Write]] = {}
        for document in expired:
            by_database.setdefault(parse_resource(document.name).database, []).append(
                Write(delete=document.name)
            )
        for database, writes in by_database.items():
            self._database.commit(database, writes)
        return len(expired)
