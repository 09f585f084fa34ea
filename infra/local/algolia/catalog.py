"""What can be done to indices: reads and writes of records, settings, replicas, copy and move.

Each method that changes something commits one transaction and returns the ids of its tasks.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from infra.local.clock import Clock

from .controls import Counters, Limits
from .errors import ApiError, bad_request, index_missing
from .inverted import InvertedIndex
from .library import Library
from .order import SortBy
from .ranking import RankBy
from .records import BatchResult, Operation, encoded
from .schema import Schema
from .settings import DEFAULTS, criteria_of, parse_replicas, schema_of, validated
from .store import Index, Store

_NOT_COPIED = ("replicas", "enableReRanking", "mode")
_SCOPES = frozenset({"settings", "rules", "synonyms"})
_INVALID_NAME = re.compile(r"[\x00-\x1f\x7f]")


class Catalog:
    """The application's indices. Rules and synonyms do not exist; copying them copies nothing."""

    def __init__(self, store: Store, library: Library, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self.counters = Counters()
        self.limits = Limits()

    # Reading

    def require(self, name: str) -> Index:
        """The index of that name.

        Raises:
            ApiError: 404 when there is none.
        """
        index = self._store.index(name)
        if index is None:
            raise index_missing(name)
        return index

    def settings(self, index: Index) -> dict[str, Any]:
        """The index's settings; a virtual replica has those of its primary beneath its own."""
        if index.virtual and index.primary_id:
            inherited = self._store.index_by_id(index.primary_id).settings
            return {**_without_replicas(inherited), **index.settings}
        return index.settings

    def shown_settings(self, index: Index) -> dict[str, Any]:
        """The settings as GET settings answers them, defaults included."""
        shown = {**DEFAULTS, **self.settings(index)}
        if index.primary_id:
            shown["primary"] = self._store.index_by_id(index.primary_id).name
        return shown

    async def inverted(self, index: Index) -> InvertedIndex:
        """The inverted index to search this index in; its primary and all replicas share one."""
        family = [self._store.index_by_id(index.records_id), *self._store.replicas(index.records_id)]
        return await self._library.get(index.records_id, self._schema(family), self._orders([index]))

    def _schema(self, family: Sequence[Index]) -> Schema:
        return schema_of(self.settings(one) for one in family)

    def _orders(self, indexes: Sequence[Index]) -> set[tuple[SortBy, ...]]:
        ranked = [RankBy(criteria_of(self.settings(index), index.virtual), {}) for index in indexes]
        return {order for rank_by in ranked for order in (rank_by.sorts(), rank_by.trailing_sorts())}

    async def load(self) -> None:
        """Build the inverted index of every index, so that no search has to wait for that after a restart."""
        for name in [index.name for index in self._store.indexes()]:
            index = self._store.index(name)
            if index is not None:
                await self.inverted(index)

    def record(self, name: str, object_id: str) -> dict[str, Any]:
        """One record.

        Raises:
            ApiError: 404 for the index or the record.
        """
        found = self._store.records(self.require(name).records_id, [object_id])
        if object_id not in found:
            raise ApiError(404, "ObjectID does not exist")
        record: dict[str, Any] = orjson.loads(found[object_id])
        return record

    def listing(self) -> list[dict[str, Any]]:
        """All indices, as GET indexes answers them."""
        indexes = self._store.indexes()
        names = {index.id: index.name for index in indexes}
        return [self._listed(index, names) for index in indexes]

    def _listed(self, index: Index, names: Mapping[int, str]) -> dict[str, Any]:
        entries, size = self._store.measure(index.records_id)
        pending = self._store.pending_tasks(index.name, self._clock.time())
        listed = {
            "name": index.name,
            "createdAt": timestamp(index.created_at),
            "updatedAt": timestamp(index.updated_at),
            "entries": entries,
            "dataSize": size,
            "fileSize": size,
            "lastBuildTimeS": 0,
            "numberOfPendingTasks": pending,
            "pendingTask": pending > 0,
        }
        if index.primary_id:
            listed["primary"] = names[index.primary_id]
        if index.virtual:
            listed["virtual"] = True
        replicas = index.settings.get("replicas")
        return {**listed, "replicas": replicas} if replicas else listed

    def task_status(self, task_id: int) -> dict[str, Any]:
        """Whether a task is published by the clock.

        Raises:
            ApiError: 404 when there is no such task.
        """
        published_at = self._store.task_published_at(task_id)
        if published_at is None:
            raise ApiError(404, f"taskID {task_id} does not exist")
        published = published_at <= self._clock.time()
        return {"status": "published" if published else "notPublished", "pendingTask": not published}

    # Writing

    async def write(self, batches: Mapping[str, Sequence[Operation]]) -> dict[str, int]:
        """Apply operations to indices by name, all or none, creating indices; the task of each index.

        Raises:
            ApiError: 400 for an invalid name or a record that became too big; 403 for a replica.
        """
        tasks, written = {}, []
        with self._store.transaction():
            for name, operations in batches.items():
                written.append(self._write(name, operations))
                tasks[name] = self._task(name)
        self.counters.index_operations += sum(
            operation.action not in ("delete", "clear") for batch in batches.values() for operation in batch
        )
        for index_id, result in written:
            if result.cleared:
                self._library.forget(index_id)
            self._library.note(index_id, result.changes.items())
        for index_id, _ in written:
            await self._library.catch_up(index_id)
        return tasks

    def _write(self, name: str, operations: Sequence[Operation]) -> tuple[int, BatchResult]:
        index = self._writable(name)
        updated = [op.object_id for op in operations if op.action.startswith("partialUpdateObject")]
        stored = self._store.records(index.id, updated)
        result = BatchResult(
            lambda object_id: orjson.loads(stored[object_id]) if object_id in stored else None
        )
        for operation in operations:
            result.apply(operation)
        if result.dropped:
            self._drop(index)
            return index.id, result
        if result.cleared:
            self._store.clear_records(index.id)
        self._save(index.id, result)
        self._touch(index.id)
        return index.id, result

    def _save(self, index_id: int, result: BatchResult) -> None:
        limit = self.limits.record_size_limit
        changes = enumerate(result.changes.items())
        rows = [
            (key, encoded(place, record, limit)) for place, (key, record) in changes if record is not None
        ]
        self._store.put_records(index_id, rows)
        self._store.delete_records(
            index_id, [key for key, record in result.changes.items() if record is None]
        )

    def _writable(self, name: str) -> Index:
        index = self._store.index(name) or self._create(name)
        if index.primary_id:
            raise ApiError(403, f"Index {name} is a replica: write to its primary instead")
        return index

    def _create(self, name: str) -> Index:
        if not name or len(name) > 256 or name == "*" or name != name.strip() or _INVALID_NAME.search(name):
            raise bad_request("indexName is not valid")
        return self._store.create_index(name, self._clock.time())

    def _task(self, name: str) -> int:
        return self._store.add_task(name, self._clock.time() + self.limits.publish_delay_s)

    def _touch(self, index_id: int) -> None:
        self._store.touch(index_id, self._clock.time())

    def delete(self, name: str) -> int:
        """Remove an index; one that does not exist is ignored.

        Raises:
            ApiError: 400 for a replica, which must be taken out of its primary's settings first.
        """
        index = self._store.index(name)
        with self._store.transaction():
            if index is not None:
                if index.primary_id:
                    raise bad_request(f"Cannot delete {name}: unlink the replica from its primary first")
                self._drop(index)
            return self._task(name)

    def _drop(self, index: Index) -> None:
        """Remove an index; its standard replicas live on with its records, virtual ones go with it."""
        for replica in self._store.replicas(index.id):
            self._unlink(replica)
        self._store.drop_index(index.id)
        self._library.forget(index.id)

    def _unlink(self, replica: Index) -> None:
        if replica.virtual:
            self._store.drop_index(replica.id)
            return
        self._store.copy_records(replica.records_id, replica.id)
        self._store.set_primary(replica.id, None, virtual=False)

    # Settings and replicas

    def set_settings(self, name: str, changes: Mapping[str, Any], forward_to_replicas: bool) -> int:
        """Change settings, creating the index; None resets one to its default.

        Raises:
            ApiError: 400 for a wrong setting or replica, or a setting whose effect is not implemented.
        """
        settings = validated(changes)
        with self._store.transaction():
            index = self._store.index(name) or self._create(name)
            if index.primary_id and "replicas" in settings:
                raise bad_request("A replica cannot have replicas")
            self._change_settings(index, settings)
            if "replicas" in settings:
                self._link_replicas(index, parse_replicas(settings["replicas"]))
            if forward_to_replicas:
                for replica in self._store.replicas(index.id):
                    self._change_settings(replica, _without_replicas(settings))
            self._touch(index.id)
            return self._task(name)

    def _change_settings(self, index: Index, changes: Mapping[str, Any]) -> None:
        settings = {**index.settings, **changes}
        kept = {setting: value for setting, value in settings.items() if value is not None}
        self._store.set_settings(index.id, kept)

    def _link_replicas(self, primary: Index, wanted: Mapping[str, bool]) -> None:
        present = {replica.name: replica for replica in self._store.replicas(primary.id)}
        for name, replica in present.items():
            if name not in wanted:
                self._unlink(replica)
        for name, virtual in wanted.items():
            if name not in present:
                self._link(primary, name, virtual)
            elif present[name].virtual != virtual:
                self._store.set_primary(present[name].id, primary.id, virtual)

    def _link(self, primary: Index, name: str, virtual: bool) -> None:
        replica = self._store.index(name) or self._create(name)
        if replica.id == primary.id or replica.primary_id or self._store.replicas(replica.id):
            raise bad_request(
                f"{name} cannot be a replica of {primary.name}: it is a primary or another's replica"
            )
        self._store.clear_records(replica.id)
        self._library.forget(replica.id)
        self._store.set_primary(replica.id, primary.id, virtual)
        copied = {} if virtual else _without_replicas(self._store.index_by_id(primary.id).settings)
        self._store.set_settings(replica.id, copied)

    # Copy and move

    def copy(self, name: str, destination: str, scopes: frozenset[str] | None) -> int:
        """Copy an index over another; with ``scopes``, only its settings (rules and synonyms are always empty).

        Raises:
            ApiError: 400 for an unknown scope, or a destination that is a replica or has replicas.
        """
        if scopes is not None and not scopes <= _SCOPES:
            raise bad_request(f"Invalid scope: expected some of {', '.join(sorted(_SCOPES))}")
        with self._store.transaction():
            source, target = self._ends(name, destination)
            if scopes is None or "settings" in scopes:
                copied = {} if source is None else self.settings(source)
                kept = {"replicas": target.settings["replicas"]} if "replicas" in target.settings else {}
                self._store.set_settings(target.id, {**_without_replicas(copied), **kept})
            if scopes is None:
                if self._store.replicas(target.id):
                    raise bad_request(f"Cannot copy to {destination}: it has replicas")
                self._store.clear_records(target.id)
                self._library.forget(target.id)
                if source is not None:
                    self._store.copy_records(source.records_id, target.id)
            self._touch(target.id)
            return self._task(destination)

    def _ends(self, name: str, destination: str) -> tuple[Index | None, Index]:
        if name == destination:
            raise bad_request("The destination must be another index")
        target = self._store.index(destination) or self._create(destination)
        if target.primary_id:
            raise bad_request(f"{destination} is a replica")
        return self._store.index(name), target

    async def move(self, name: str, destination: str) -> int:
        """Rename an index over another, whose replicas stay and show the new records.

        The inverted index is there before, so that no search has to wait for it.

        A source that does not exist is ignored, as on Algolia.

        Raises:
            ApiError: 400 when the source is a replica or has replicas, or the destination is a replica.
        """
        await self._prepare_move(name, destination)
        with self._store.transaction():
            if self._store.index(name) is not None:
                source, target = self._ends(name, destination)
                assert source is not None
                if source.primary_id or self._store.replicas(source.id):
                    raise bad_request(f"Cannot move {name}: it is a replica or has replicas")
                self._replace(source, target)
            return self._task(destination)

    async def _prepare_move(self, name: str, destination: str) -> None:
        source, target = self._store.index(name), self._store.index(destination)
        if source is None or source.primary_id:
            return
        family = [source, *(self._store.replicas(target.id) if target else ())]
        await self._library.get(source.id, self._schema(family), self._orders(family))

    def _replace(self, source: Index, target: Index) -> None:
        replicas = self._store.replicas(target.id)
        for replica in replicas:
            self._store.set_primary(replica.id, source.id, replica.virtual)
        if replicas:
            self._store.set_settings(source.id, {**source.settings, "replicas": target.settings["replicas"]})
        self._store.drop_index(target.id)
        self._store.rename_index(source.id, target.name)
        self._library.forget(target.id)
        self._touch(source.id)


def _without_replicas(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _NOT_COPIED}


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as Algolia writes time: UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
