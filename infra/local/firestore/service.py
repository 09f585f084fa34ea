"""The local Firestore service, ready to be added to a gRPC server."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from infra.local.clock import Clock
from infra.local.firestore.database import Database
from infra.local.firestore.errors import FirestoreError
from infra.local.firestore.faults import Faults
from infra.local.firestore.indexes import CompositeIndex, Exemption, IndexSet
from infra.local.firestore.listing_rpcs import ListingRpcs
from infra.local.firestore.production import ProductionIndexes
from infra.local.firestore.read_rpcs import ReadRpcs
from infra.local.firestore.stats import Stats
from infra.local.firestore.storage import Store
from infra.local.firestore.ttl import TimeToLive
from infra.local.firestore.usage import Usage
from infra.local.firestore.write_rpcs import WriteRpcs
from infra.local.rpc import service_handler

Unary = Callable[[Any, Any], Awaitable[Any]]
Streaming = Callable[[Any, Any], AsyncGenerator[Any, None]]


class FirestoreService:
    """Every database of every project, in one SQLite file.

    Args:
        path: the file, or None to keep nothing beyond :meth:`close`.
        clock: the source of commit times and of expiry.
        composites: indexes over several fields, which turn a query over them into one range scan.
        exemptions: fields without automatic indexes; queries that need one are refused.
        ttl: for a collection group, the timestamp field at which its documents expire.
        production: the indexes without which a query is refused; None, as in Google's emulator, refuses none.
        usage: is told of queries and fields.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        *,
        composites: Sequence[CompositeIndex] = (),
        exemptions: Sequence[Exemption] = (),
        ttl: Mapping[str, str] | None = None,
        production: ProductionIndexes | None = None,
        usage: Usage | None = None,
    ) -> None:
        indexes = IndexSet(composites, exemptions, ttl or {})
        self._store = Store(path, indexes)
        self._database = Database(self._store, indexes, clock, production, usage)
        self._ttl = TimeToLive(self._database, ttl or {})
        self._faults = Faults({})

    def handler(self) -> grpc.GenericRpcHandler:
        """The gRPC handler of ``google.firestore.v1.Firestore``. RPCs that are not served answer UNIMPLEMENTED."""
        writes, reads, listing = (
            WriteRpcs(self._database),
            ReadRpcs(self._database),
            ListingRpcs(self._database),
        )
        unary: dict[str, Unary] = {
            "Commit": writes.commit,
            "BatchWrite": writes.batch_write,
            "BeginTransaction": writes.begin_transaction,
            "Rollback": writes.rollback,
            "CreateDocument": writes.create_document,
            "UpdateDocument": writes.update_document,
            "DeleteDocument": writes.delete_document,
            "GetDocument": reads.get_document,
            "ListDocuments": listing.list_documents,
            "ListCollectionIds": listing.list_collection_ids,
            "PartitionQuery": listing.partition_query,
        }
        streaming: dict[str, Streaming] = {
            "BatchGetDocuments": reads.batch_get_documents,
            "RunQuery": reads.run_query,
            "RunAggregationQuery": reads.run_aggregation_query,
        }
        methods: dict[str, Any] = {name: self._answering(name, method) for name, method in unary.items()}
        methods |= {name: self._streaming(name, method) for name, method in streaming.items()}
        return service_handler(FirestoreGrpcTransport, methods)

    @property
    def stats(self) -> Stats:
        """Billed reads, writes and deletes, and RPCs by name, since the start or the last reset."""
        return self._database.stats

    def reset_stats(self) -> None:
        """Start counting from zero."""
        self._database.stats = Stats()

    @property
    def faults(self) -> Mapping[str, float]:
        """The faults in force; see :class:`Faults` for the keys. Assigning restarts their random sequence."""
        return self._faults.settings

    @faults.setter
    def faults(self, settings: Mapping[str, float]) -> None:
        self._faults = Faults(settings)

    async def sweep_expired(self) -> int:
        """Delete documents whose time to live has passed, and drop stale transactions. Returns how many documents."""
        self._database.transactions.expire()
        return await self._ttl.sweep()

    def close(self) -> None:
        """Close the database file. The service cannot be used afterwards."""
        self._store.close()

    def _answering(self, name: str, method: Unary) -> Unary:
        async def answer(request: Any, context: Any) -> Any:
            loses = await self._admit(name, context)
            try:
                response = await method(request, context)
            except FirestoreError as error:
                await context.abort(error.code, error.message)
            if loses:
                await _unavailable(context)
            return response

        return answer

    def _streaming(self, name: str, method: Streaming) -> Streaming:
        async def answer(request: Any, context: Any) -> AsyncGenerator[Any, None]:
            loses = await self._admit(name, context)
            try:
                async with aclosing(method(request, context)) as responses:
                    async for response in responses:
                        if not loses:
                            yield response
            except FirestoreError as error:
                await context.abort(error.code, error.message)
            if loses:
                await _unavailable(context)

        return answer

    async def _admit(self, name: str, context: Any) -> bool:
        """Count an RPC, refuse it if a fault says so, and tell whether its answer will get lost."""
        self._database.stats.rpcs[name] += 1
        if self._faults.refuses():
            await _unavailable(context)
        if self._faults.exhausts(name):
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded (a fault that was asked for)."
            )
        return self._faults.loses_answer()


async def _unavailable(context: Any) -> None:
    await context.abort(
        grpc.StatusCode.UNAVAILABLE, "The service is currently unavailable (a fault that was asked for)."
    )
