"""RPCs that change documents, and those that open and close transactions."""

import secrets
from typing import Any

from google.protobuf.empty_pb2 import Empty

from infra.local.firestore import messages
from infra.local.firestore.database import Committed, Database
from infra.local.firestore.errors import FirestoreError, invalid
from infra.local.firestore.executor import fingerprint
from infra.local.firestore.messages import Document, Status, Write
from infra.local.firestore.paths import parse_database, parse_document, parse_field_path, parse_parent
from infra.local.firestore.transactions import Transaction
from infra.local.firestore.writes import Outcome, masked, target, timestamp

MAX_REQUEST_BYTES = (
    10 * 1024 * 1024
)  # https://firebase.google.com/docs/firestore/quotas#writes_and_transactions
_AUTO_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class WriteRpcs:
    """Commit and its relatives on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_transaction(self, request: Any, _: Any) -> Any:
        database = parse_database(request.database)
        return messages.BeginTransactionResponse(
            transaction=begin(self._database, database, request.options).id
        )

    async def rollback(self, request: Any, _: Any) -> Empty:
        self._database.transactions.roll_back(request.transaction, parse_database(request.database))
        return Empty()

    async def commit(self, request: Any, _: Any) -> Any:
        _check_size(request)
        database = parse_database(request.database)
        if not request.transaction:
            return _commit_response(self._database.commit(database, request.writes))
        transaction = self._database.transactions.get(request.transaction, database)
        try:
            self._check(transaction, request)
            committed = self._database.commit(database, request.writes)
        except FirestoreError:
            self._database.transactions.fail(transaction)
            raise
        self._database.transactions.finish(transaction)
        return _commit_response(committed)

    async def batch_write(self, request: Any, _: Any) -> Any:
        _check_size(request)
        database = parse_database(request.database)
        if len({target(write) for write in request.writes}) < len(request.writes):
            raise invalid("A BatchWrite request cannot write one document more than once.")
        response = messages.BatchWriteResponse()
        for write in request.writes:
            result, status = self._write_alone(database, write)
            response.write_results.append(result)
            response.status.append(status)
        return response

    async def create_document(self, request: Any, _: Any) -> Document:
        parent = parse_parent(request.parent)
        name = "/".join((parent.name, request.collection_id, request.document_id or _auto_id()))
        write = Write(update=request.document, current_document={"exists": False})
        write.update.name = name
        return self._write_document(write, request.mask if request.HasField("mask") else None)

    async def update_document(self, request: Any, _: Any) -> Document:
        write = Write(update=request.document, current_document=request.current_document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        return self._write_document(write, request.mask if request.HasField("mask") else None)

    async def delete_document(self, request: Any, _: Any) -> Empty:
        write = Write(delete=request.name, current_document=request.current_document)
        self._database.commit(parse_document(request.name).database, [write])
        return Empty()

    def _write_document(self, write: Write, mask: Any) -> Document:
        database = parse_document(write.update.name).database
        document = self._database.commit(database, [write]).outcomes[0].document
        assert document is not None
        return (
            document
            if mask is None
            else masked(document, [parse_field_path(each) for each in mask.field_paths])
        )

    def _write_alone(self, database: str, write: Write) -> tuple[Any, Status]:
        try:
            committed = self._database.commit(database, [write])
        except FirestoreError as error:
            return messages.WriteResult(), Status(code=error.code.value[0], message=error.message)
        return _write_result(committed.outcomes[0]), Status()

    def _check(self, transaction: Transaction, request: Any) -> None:
        if transaction.read_only:
            if request.writes:
                raise invalid("Cannot modify entities in a read-only transaction.")
            return
        store, indexes = self._database.store, self._database.indexes
        self._database.transactions.check(
            transaction, lambda query: fingerprint(store, store.latest, indexes, query)
        )


def begin(database: Database, name: str, options: Any) -> Transaction:
    """Open a transaction as the client's options say.

    Raises:
        FirestoreError: UNIMPLEMENTED, a read-only transaction in the past.
    """
    read_only = options.WhichOneof("mode") == "read_only"
    if read_only and options.read_only.HasField("read_time"):
        database.check_read_time(options.read_only.read_time)
    return database.transactions.begin(name, database.read_time_us(), read_only=read_only)


def _check_size(request: Any) -> None:
    size = request.ByteSize()
    if size > MAX_REQUEST_BYTES:
        raise invalid(f"Request payload size ({size} bytes) exceeds the limit: {MAX_REQUEST_BYTES} bytes.")


def _commit_response(committed: Committed) -> Any:
    return messages.CommitResponse(
        write_results=map(_write_result, committed.outcomes), commit_time=timestamp(committed.time_us)
    )


def _write_result(outcome: Outcome) -> Any:
    result = messages.WriteResult(transform_results=outcome.transform_results)
    if outcome.document is not None:
        result.update_time.CopyFrom(outcome.document.update_time)
    return result


def _auto_id() -> str:
    return "".join(secrets.choice(_AUTO_ID_ALPHABET) for _ in range(20))
