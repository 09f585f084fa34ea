"""The state behind the RPCs: storage, time, open transactions and counters."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from infra.local.clock import Clock
from infra.local.firestore.errors import invalid, unimplemented
from infra.local.firestore.indexes import IndexSet
from infra.local.firestore.messages import Document, Timestamp, Write
from infra.local.firestore.paths import Resource, parse_document
from infra.local.firestore.production import ProductionIndexes, shape_of
from infra.local.firestore.queries import Query
from infra.local.firestore.stats import Stats
from infra.local.firestore.storage import Change, Reader, Store, Stored
from infra.local.firestore.transactions import Transaction, Transactions
from infra.local.firestore.usage import Usage
from infra.local.firestore.writes import Outcome, apply_write, check_write, microseconds, target


@dataclass
class Committed:
    """What a commit did: its time in microseconds and each write's outcome."""

    time_us: int
    outcomes: list[Outcome]


@dataclass
class _Staged:
    resource: Resource
    before: Stored | None
    original: Document | None
    document: Document | None


class Database:
    """All databases of all projects; each is apart from the others by its name.

    Args:
        production: the indexes without which a query is refused; None refuses none.
        usage: is told of queries and fields.
    """

    def __init__(
        self,
        store: Store,
        indexes: IndexSet,
        clock: Clock,
        production: ProductionIndexes | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.store = store
        self.indexes = indexes
        self.clock = clock
        self._production = production
        self._usage = usage or Usage(None)
        self.transactions = Transactions(store, clock)
        self.stats = Stats()
        self._latest_us = store.last_commit

    def read_time_us(self) -> int:
        """The time of a read of the latest state, in microseconds: no later commit has it or an earlier one."""
        self._latest_us = max(self._latest_us, int(self.clock.time() * 1_000_000))
        return self._latest_us

    def commit(self, database: str, writes: Sequence[Write]) -> Committed:
        """Apply all writes or none.

        Raises:
            FirestoreError: a write is refused; nothing was changed.
        """
        _check_writes(writes)
        time_us = self._latest_us = max(self._latest_us + 1, int(self.clock.time() * 1_000_000))
        staged: dict[bytes, _Staged] = {}
        outcomes = []
        for write in writes:
            entry = self._stage(database, target(write), staged)
            outcome = apply_write(write, entry.document, time_us)
            entry.document = outcome.document
            outcomes.append(outcome)
        self.store.apply(_changes(staged.values(), time_us), time_us)
        for entry in staged.values():
            if entry.document is not None:
                self._usage.document(entry.resource.segments[-2], entry.document.fields)
        deletes = sum(outcome.document is None for outcome in outcomes)
        self.stats.deletes += deletes
        self.stats.writes += len(outcomes) - deletes
        return Committed(time_us, outcomes)

    def admit(self, query: Query) -> None:
        """Refuse what production would.

        Raises:
            FirestoreError: FAILED_PRECONDITION, none of its indexes serves the query.
        """
        if self._production is not None and query.group:
            shape = shape_of(query)
            self._usage.query(shape)
            self._production.serving(shape)

    def check_read_time(self, read_time: Timestamp) -> None:
        """Accept a read in the past only where the latest state is the state of then.

        Raises:
            FirestoreError: UNIMPLEMENTED, something was committed since; INVALID_ARGUMENT, a time in the future.
        """
        wanted = microseconds(read_time)
        if wanted > self.read_time_us():
            raise invalid("read_time must not be in the future.")
        if wanted < self.store.last_commit:
            raise unimplemented("Reads in the past are not served: only the latest state is kept.")

    @contextmanager
    def snapshot(self, transaction: Transaction | None) -> Iterator[Reader]:
        """A reader of one state: the transaction's, or the latest."""
        if transaction is not None:
            yield transaction.reader
            return
        reader = self.store.snapshot()
        try:
            yield reader
        finally:
            self.store.release(reader)

    def _stage(self, database: str, name: str, staged: dict[bytes, _Staged]) -> _Staged:
        resource = parse_document(name)
        if resource.database != database:
            raise invalid(f'Document "{name}" is not in database "{database}".')
        path = self.store.path(resource)
        if path not in staged:
            before = self.store.latest.document(path)
            document = Document.FromString(before.data) if before else None
            staged[path] = _Staged(resource, before, document, document)
        return staged[path]


def _check_writes(writes: Sequence[Write]) -> None:
    """Check each write, and that none needs the opposite of what an earlier one leaves behind."""
    exists: dict[str, bool] = {}
    for write in writes:
        check_write(write)
        name, condition = target(write), write.current_document
        if condition.HasField("exists") and exists.get(name, condition.exists) != condition.exists:
            raise invalid(f'A write of this request contradicts an earlier one of document "{name}".')
        exists[name] = write.WhichOneof("operation") != "delete"


def _changes(staged: Iterable[_Staged], time_us: int) -> list[Change]:
    return [
        Change(each.resource, each.before, each.document, time_us)
        for each in staged
        if each.document is not each.original
    ]
