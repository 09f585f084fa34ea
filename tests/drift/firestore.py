"""What all integration tests together asked of Firestore and kept in it, against what ``infra/topology.yaml`` declares.

Each check is named as a test is: ``tests/drift/after_all.py`` shows them as such, once the integration tests are over.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from infra.local.firestore.errors import FirestoreError
from infra.local.firestore.production import Shape, index_field
from infra.local.firestore.usage import Seen
from infra.local.provision import production_indexes
from infra.topology import Topology


@dataclass(frozen=True)
class Usage:
    """Attributes:
    served: the queries, with the collection and the fields of each index that serves them.
    refused: what is said of queries that nothing serves.
    fields: of all documents, with their collection.
    """

    served: dict[Shape, list[tuple[str, tuple[str, ...]]]]
    refused: dict[Shape, str]
    fields: set[tuple[str, str]]

    @classmethod
    def of(cls, seen: Sequence[Seen], topology: Topology) -> "Usage":
        """What was seen, as a deployment of the topology would take it."""
        production = production_indexes(topology)
        usage = cls({}, {}, {(each.group, field) for each in seen for field in each.fields})
        for shape in {each.query for each in seen if each.query}:
            try:
                indexes = production.serving(shape)
                usage.served[shape] = [(shape.group, tuple(map(index_field, index))) for index in indexes]
            except FirestoreError as error:
                usage.refused[shape] = error.message
        return usage

    @property
    def indexes(self) -> set[tuple[str, tuple[str, ...]]]:
        """All that serve a query."""
        return {index for indexes in self.served.values() for index in indexes}


def test_every_query_has_its_indexes(usage: Usage, topology: Topology) -> Iterator[str]:
    """By what production says of a query that it refuses."""
    yield from (f"{shape.group}: {message}" for shape, message in usage.refused.items())


def test_every_index_is_needed_by_a_query(usage: Usage, topology: Topology) -> Iterator[str]:
    """One that is not costs every write."""
    for index in topology.firestore.indexes:
        if (index.collection, index.fields) not in usage.indexes:
            fields = ", ".join(index.fields)
            yield f"no query needs {{collection: {index.collection}, fields: [{fields}]}}: remove it, or test the query"


def test_every_exempt_field_is_a_field_of_a_document(usage: Usage, topology: Topology) -> Iterator[str]:
    """A field may have been renamed. A query that needs an exempt field has no index: see above."""
    for each in topology.firestore.exemptions:
        if (each.collection, each.field.split(".")[0]) not in usage.fields:
            yield f"no document has {{collection: {each.collection}, field: {each.field}}}: remove the exemption"


def test_documents_have_the_field_that_ends_them(usage: Usage, topology: Topology) -> Iterator[str]:
    """A collection whose documents lack it grows for ever."""
    for collection, field in topology.firestore.ttl.items():
        if (collection, field) not in usage.fields:
            yield f"no document has {field} of {collection}, which is its ttl: remove or rename it"


def test_documents_that_have_an_end_are_deleted_then(usage: Usage, topology: Topology) -> Iterator[str]:
    """What ends documents of one collection ends those of any; without a ttl they stay."""
    ttl = topology.firestore.ttl
    for collection, field in usage.fields:
        if field in ttl.values() and ttl.get(collection) != field:
            yield f"documents of {collection} have {field}, but no ttl deletes them: add {{{collection}: {field}}}"


Check = Callable[[Usage, Topology], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    test_every_query_has_its_indexes,
    test_every_index_is_needed_by_a_query,
    test_every_exempt_field_is_a_field_of_a_document,
    test_documents_have_the_field_that_ends_them,
    test_documents_that_have_an_end_are_deleted_then,
)


def drift(seen: Sequence[Seen], topology: Topology) -> dict[str, list[str]]:
    """What is wrong by each check, as lines that say what to do."""
    usage = Usage.of(seen, topology)
    return {check.__name__: sorted(check(usage, topology)) for check in CHECKS}
