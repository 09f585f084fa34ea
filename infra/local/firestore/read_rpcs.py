"""RPCs that read documents and run queries."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from infra.local.firestore import messages
from infra.local.firestore.aggregation import Aggregation, compile_aggregations, only_counts, results
from infra.local.firestore.database import Database
from infra.local.firestore.errors import FirestoreError, invalid, unimplemented
from infra.local.firestore.executor import Execution, Page, identity
from infra.local.firestore.messages import Document
from infra.local.firestore.paths import FieldPath, parse_database, parse_document, parse_field_path
from infra.local.firestore.queries import Query, compile_query, with_aggregated
from infra.local.firestore.storage import Reader
from infra.local.firestore.transactions import Transaction
from infra.local.firestore.write_rpcs import begin
from infra.local.firestore.writes import masked, timestamp

_BATCH = 100
"""After so many streamed documents, other RPCs get their turn."""


class ReadRpcs:
    """BatchGetDocuments, RunQuery and their relatives on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_document(self, request: Any, _: Any) -> Document:
        database = parse_document(request.name).database
        transaction = self._transaction(request, database)
        found = self._find(request.name, database, transaction, _mask(request))
        if found is None:
            raise FirestoreError(grpc.StatusCode.NOT_FOUND, f'Document "{request.name}" not found.')
        return found

    async def batch_get_documents(self, request: Any, _: Any) -> AsyncGenerator[Any, None]:
        database = parse_database(request.database)
        transaction = self._transaction(request, database)
        if request.HasField("new_transaction") and transaction:
            yield messages.BatchGetDocumentsResponse(transaction=transaction.id)
        mask = _mask(request)
        read_time = timestamp(self._read_time_us(transaction))
        names = dict.fromkeys(request.documents)
        # Read before the first answer is awaited: all documents are of one state.
        found = [(name, self._find(name, database, transaction, mask)) for name in names]
        for name, document in found:
            if document is None:
                yield messages.BatchGetDocumentsResponse(missing=name, read_time=read_time)
            else:
                yield messages.BatchGetDocumentsResponse(found=document, read_time=read_time)

    async def run_query(self, request: Any, _: Any) -> AsyncGenerator[Any, None]:
        query = _compiled(request, request.structured_query)
        self._database.admit(query)
        transaction = self._transaction(request, query.database)
        if request.HasField("new_transaction") and transaction:
            yield messages.RunQueryResponse(transaction=transaction.id)
        read_time = timestamp(self._read_time_us(transaction))
        seen = []
        with self._database.snapshot(transaction) as reader:
            page = self._page(reader, query)
            async with aclosing(_in_turns(page)) as found:
                async for document in found:
                    seen.append(identity(document))
                    projected = document if query.projection is None else masked(document, query.projection)
                    yield messages.RunQueryResponse(document=projected, read_time=read_time)
        if transaction:
            transaction.saw_query(query, tuple(seen))
        self._database.stats.count_query(page.skipped + len(seen))
        if not seen:
            yield messages.RunQueryResponse(read_time=read_time, skipped_results=page.skipped)

    async def run_aggregation_query(self, request: Any, _: Any) -> AsyncGenerator[Any, None]:
        message = request.structured_aggregation_query
        aggregations = compile_aggregations(message)
        compiled = _compiled(request, message.structured_query)
        added_up = [each.path for each in aggregations if each.path]
        query = with_aggregated(compiled, added_up, message.structured_query)
        self._database.admit(query)
        transaction = self._transaction(request, query.database)
        read_time = timestamp(self._read_time_us(transaction))
        with self._database.snapshot(transaction) as reader:
            await self._aggregate(reader, query, aggregations, transaction)
        response = messages.RunAggregationQueryResponse(read_time=read_time)
        for alias, value in results(aggregations).items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        if request.HasField("new_transaction") and transaction:
            response.transaction = transaction.id
        yield response

    async def _aggregate(
        self, reader: Reader, query: Query, aggregations: list[Aggregation], transaction: Transaction | None
    ) -> None:
        execution = self._execution(reader, query)
        counted = execution.count() if only_counts(aggregations) and transaction is None else None
        if counted is not None:
            for aggregation in aggregations:
                aggregation.counted = counted
            self._database.stats.count_aggregation(counted)
            return
        seen = []
        page = self._page(reader, query)
        async for document in _in_turns(page):
            seen.append(identity(document))
            for aggregation in aggregations:
                aggregation.add(document)
        if transaction:
            transaction.saw_query(query, tuple(seen))
        self._database.stats.count_aggregation(page.skipped + len(seen))

    def _page(self, reader: Reader, query: Query) -> Page:
        return Page(self._execution(reader, query).steps(), query)

    def _execution(self, reader: Reader, query: Query) -> Execution:
        return Execution(self._database.store, reader, self._database.indexes, query)

    def _find(
        self, name: str, database: str, transaction: Transaction | None, mask: list[FieldPath] | None
    ) -> Document | None:
        resource = parse_document(name)
        if resource.database != database:
            raise invalid(f'Document "{name}" is not in database "{database}".')
        path = self._database.store.path(resource)
        reader = transaction.reader if transaction else self._database.store.latest
        stored = reader.document(path)
        self._database.stats.reads += 1
        if transaction:
            transaction.saw_document(path, stored.version if stored else 0)
        if stored is None:
            return None
        document = Document.FromString(stored.data)
        return document if mask is None else masked(document, mask)

    def _transaction(self, request: Any, database: str) -> Transaction | None:
        """The transaction that a read takes part in; checks a wished read time."""
        selector = request.WhichOneof("consistency_selector")
        if selector == "transaction":
            return self._database.transactions.get(request.transaction, database)
        if selector == "new_transaction":
            return begin(self._database, database, request.new_transaction)
        if selector == "read_time":
            self._database.check_read_time(request.read_time)
        return None

    def _read_time_us(self, transaction: Transaction | None) -> int:
        return transaction.read_time_us if transaction else self._database.read_time_us()


async def _in_turns(page: Page) -> AsyncGenerator[Document, None]:
    """The documents of a page; other RPCs get their turn in between."""
    for number, document in enumerate(page, 1):
        if document is not None:
            yield document
        if document is None or number % _BATCH == 0:
            await asyncio.sleep(0)


def _compiled(request: Any, message: Any) -> Query:
    if request.HasField("explain_options"):
        raise unimplemented("explain_options are not served.")
    return compile_query(request.parent, message)


def _mask(request: Any) -> list[FieldPath] | None:
    return [parse_field_path(each) for each in request.mask.field_paths] if request.HasField("mask") else None
