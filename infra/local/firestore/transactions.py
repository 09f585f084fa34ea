"""Optimistic transactions: reads come from a snapshot and are checked again at commit.

Google locks what a read-write transaction reads; here the later committer is told ABORTED, which clients retry alike.
Limits: https://firebase.google.com/docs/firestore/quotas#writes_and_transactions
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.local.clock import Clock
from infra.local.firestore.errors import aborted, invalid
from infra.local.firestore.queries import Query
from infra.local.firestore.storage import Reader, Store

TOTAL_SECONDS = 270.0
IDLE_SECONDS = 60.0

Fingerprint = tuple[tuple[str, int], ...]
"""A query's results: each document's name and version, in order."""


@dataclass
class Transaction:
    """One transaction. ``versions`` and ``queries`` hold what it read, for the check at commit."""

    id: bytes
    database: str
    read_only: bool
    reader: Reader
    read_time_us: int
    last_commit: int
    began: float
    used: float
    versions: dict[bytes, int] = field(default_factory=dict)
    queries: list[tuple[Query, Fingerprint]] = field(default_factory=list)

    def saw_document(self, path: bytes, version: int) -> None:
        """Note a document that was read; version 0 stands for a missing one."""
        if not self.read_only:
            self.versions[path] = version

    def saw_query(self, query: Query, results: Fingerprint) -> None:
        """Note a query and everything it returned."""
        if not self.read_only:
            self.queries.append((query, results))


class Transactions:
    """The open transactions."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._open: dict[bytes, Transaction] = {}
        self._failed: dict[bytes, float] = {}

    def begin(self, database: str, read_time_us: int, *, read_only: bool) -> Transaction:
        """Open a transaction on the current state."""
        self.expire()
        now = self._clock.time()
        transaction = Transaction(
            id=secrets.token_bytes(16),
            database=database,
            read_only=read_only,
            reader=self._store.snapshot(),
            read_time_us=read_time_us,
            last_commit=self._store.last_commit,
            began=now,
            used=now,
        )
        self._open[transaction.id] = transaction
        return transaction

    def get(self, transaction_id: bytes, database: str) -> Transaction:
        """The open transaction with this id.

        Raises:
            FirestoreError: INVALID_ARGUMENT, unknown, finished, expired or of another database.
        """
        self.expire()
        transaction = self._open.get(transaction_id)
        if transaction is None or transaction.database != database:
            raise invalid("The referenced transaction has expired or is no longer valid.")
        transaction.used = self._clock.time()
        return transaction

    def finish(self, transaction: Transaction) -> None:
        """Forget a transaction and its snapshot."""
        if self._open.pop(transaction.id, None):
            self._store.release(transaction.reader)

    def fail(self, transaction: Transaction) -> None:
        """Forget a transaction whose commit was refused; its client may still roll it back."""
        self.finish(transaction)
        self._failed[transaction.id] = self._clock.time()

    def roll_back(self, transaction_id: bytes, database: str) -> None:
        """End a transaction without effect.

        Raises:
            FirestoreError: INVALID_ARGUMENT, unknown, finished, expired or of another database.
        """
        if self._failed.pop(transaction_id, None) is None:
            self.finish(self.get(transaction_id, database))

    def expire(self) -> None:
        """Drop transactions that were idle for a minute or are open for more than 270 seconds."""
        now = self._clock.time()
        for transaction in list(self._open.values()):
            if now - transaction.used > IDLE_SECONDS or now - transaction.began > TOTAL_SECONDS:
                self.finish(transaction)
        self._failed = {id_: since for id_, since in self._failed.items() if now - since <= IDLE_SECONDS}

    def check(self, transaction: Transaction, run: Callable[[Query], Fingerprint]) -> None:
        """Make sure that everything a transaction read is still so.

        Args:
            transaction: about to commit.
            run: runs a query on the latest state.

        Raises:
            FirestoreError: ABORTED, it is not.
        """
        if transaction.last_commit == self._store.last_commit:
            return
        for path, version in transaction.versions.items():
            stored = self._store.latest.document(path)
            if (stored.version if stored else 0) != version:
                raise aborted(
                    "The transaction must be retried: a document read by the transaction has changed."
                )
        if any(run(query) != seen for query, seen in transaction.queries):
            raise aborted(
                "The transaction must be retried: the results of a query in the transaction have changed."
            )
