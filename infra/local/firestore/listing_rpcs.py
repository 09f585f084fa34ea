"""RPCs that list what exists, and the one that cuts a collection group into parts."""

from collections.abc import Iterator
from typing import Any

from infra.local.firestore import messages
from infra.local.firestore.candidates import Candidates
from infra.local.firestore.database import Database
from infra.local.firestore.encode import encode_path, encode_path_prefix, successor
from infra.local.firestore.errors import invalid, unimplemented
from infra.local.firestore.filters import EVERYTHING, NAME, Range
from infra.local.firestore.messages import Document
from infra.local.firestore.paths import Resource, Segments, parse_field_path, parse_parent, parse_resource
from infra.local.firestore.planner import leaf_scan
from infra.local.firestore.queries import Order, Query, compile_query
from infra.local.firestore.storage import Reader
from infra.local.firestore.writes import masked

_MAX_PAGE = 300
_FIRST_CHILD = b"\x00\x01"
"""Above the end of a path, below everything that continues it."""


class ListingRpcs:
    """ListDocuments, ListCollectionIds and PartitionQuery on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_documents(self, request: Any, _: Any) -> Any:
        parent = parse_parent(request.parent)
        if request.order_by not in ("", "__name__"):
            raise unimplemented("ListDocuments serves the order by __name__ only.")
        if request.show_missing and request.order_by:
            raise invalid("show_missing and order_by cannot be combined.")
        reader = self._reader(request, parent.database)
        limit = min(request.page_size or _MAX_PAGE, _MAX_PAGE)
        response = messages.ListDocumentsResponse()
        for document in self._children(reader, parent, request.collection_id, request.page_token):
            is_missing = not document.HasField("create_time")
            if is_missing and not request.show_missing:
                continue
            if len(response.documents) == limit:
                response.next_page_token = parse_resource(response.documents[-1].name).segments[-1]
                break
            response.documents.append(self._masked(document, request))
        self._database.stats.count_query(len(response.documents))
        return response

    async def list_collection_ids(self, request: Any, _: Any) -> Any:
        parent = parse_parent(request.parent)
        reader = self._reader(request, parent.database)
        response = messages.ListCollectionIdsResponse()
        limit = request.page_size or _MAX_PAGE
        self._database.stats.count_query(0)
        for segments in self._next_level(reader, parent.database, parent.segments, request.page_token):
            if len(response.collection_ids) == limit:
                response.next_page_token = response.collection_ids[-1]
                break
            response.collection_ids.append(segments[-1])
        return response

    async def partition_query(self, request: Any, _: Any) -> Any:
        query = compile_query(request.parent, request.structured_query)
        if not query.whole_group or not query.group or query.filter or query.orders != (Order(NAME),):
            raise invalid(
                "PartitionQuery needs a collection group ordered by __name__ ascending, without filters."
            )
        if request.partition_count <= 0:
            raise invalid("partition_count must be positive.")
        if request.HasField("read_time"):
            self._database.check_read_time(request.read_time)
        names = sorted(self._boundaries(query, request.partition_count), key=_path_of)
        response = messages.PartitionQueryResponse()
        for name in names:
            response.partitions.append(
                messages.Cursor(values=[messages.Value(reference_value=name)], before=True)
            )
        return response

    def _boundaries(self, query: Query, points: int) -> Iterator[str]:
        """Names that cut the documents into ``points + 1`` parts of about one size."""
        reader = self._database.store.latest
        candidates = Candidates(self._database.store, reader, self._database.indexes, query)
        ranges = list(candidates.ranges(leaf_scan(Range(NAME, EVERYTHING))))
        documents = [document for low, high in ranges for document in reader.ordered_ids(low, high)]
        positions = {len(documents) * part // (points + 1) for part in range(1, points + 1)} - {0}
        for position in positions:
            yield Document.FromString(reader.by_id(documents[position]).data).name

    def _reader(self, request: Any, database: str) -> Reader:
        selector = request.WhichOneof("consistency_selector")
        if selector == "read_time":
            self._database.check_read_time(request.read_time)
        if selector == "transaction":
            raise unimplemented("Listing in a transaction is not served.")
        return self._database.store.latest

    def _children(self, reader: Reader, parent: Resource, collection: str, after: str) -> Iterator[Document]:
        """A collection's documents by name; those that only have descendants are without fields and times."""
        above = (*parent.segments, collection)
        for segments in self._next_level(reader, parent.database, above, after):
            resource = Resource(parent.database, segments)
            stored = reader.document(self._database.store.path(resource))
            yield Document.FromString(stored.data) if stored else Document(name=resource.name)

    def _next_level(self, reader: Reader, database: str, above: Segments, after: str) -> Iterator[Segments]:
        """The paths one level below ``above``, each found by one seek, since their descendants are jumped over."""
        base, prefix = self._database.store.database(database), encode_path_prefix(above)
        low, high = base + prefix + _FIRST_CHILD, base + successor(prefix)
        if after:
            low = base + successor(encode_path_prefix((*above, after)))
        while data := reader.first(low, high):
            segments = parse_resource(Document.FromString(data).name).segments[: len(above) + 1]
            yield segments
            low = base + successor(encode_path_prefix(segments))

    def _masked(self, document: Document, request: Any) -> Document:
        if not request.HasField("mask"):
            return document
        return masked(document, [parse_field_path(path) for path in request.mask.field_paths])


def _path_of(name: str) -> bytes:
    return encode_path(parse_resource(name).segments)
