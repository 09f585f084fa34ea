"""Mistakes in the topology that the look at Firestore's use would find, each by the check of its name."""

from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

from infra.local.firestore.production import shape_of
from infra.local.firestore.queries import compile_query
from infra.local.firestore.usage import Seen
from infra.topology import Exemption, Firestore, Index, Topology
from tests.drift.firestore import drift

ROOT = "projects/p/databases/(default)/documents"
LETTERS: Any = AsyncClient(project="p", credentials=AnonymousCredentials()).collection("letters")
BY_QUEUE = Index(collection="letters", fields=("queue ASC", "at DESC"))
BY_STATUS = Index(collection="letters", fields=("status ASC", "at DESC"))
RIGHT = Firestore(
    indexes=(BY_QUEUE, BY_STATUS),
    exemptions=(Exemption(collection="letters", field="payload"),),
    ttl={"letters": "expire_at"},
)


def asked(*equal: str, order: str = "at", direction: str = "DESCENDING") -> Seen:
    query = LETTERS.order_by(order, direction=direction)
    for each in equal:
        query = query.where(filter=FieldFilter(each, "==", 1))
    return Seen(query=shape_of(compile_query(ROOT, query._to_protobuf()._pb)))


WRITTEN = Seen(group="letters", fields=("queue", "status", "at", "payload", "expire_at"))
SEEN = [asked("queue"), asked("status"), asked("queue", "status"), WRITTEN]


def problems(seen: list[Seen], **changes: Any) -> dict[str, list[str]]:
    """The checks that find something."""
    firestore = RIGHT.model_copy(update=changes)
    topology = Topology(functions={}, queues={}, schedules={}, firestore=firestore)
    return {check: found for check, found in drift(seen, topology).items() if found}


def test_nothing_is_found_where_use_and_topology_agree() -> None:
    assert problems(SEEN) == {}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (asked("queue", direction="ASCENDING"), "queue ASC, at ASC"),
        (asked("kind"), "kind ASC, at DESC"),
        (asked("expire_at"), "expire_at ASC, at DESC"),
    ],
)
def test_a_query_without_an_index_is_found(query: Seen, wanted: str) -> None:
    assert problems([*SEEN, query]) == {
        "test_every_query_has_its_indexes": [
            "letters: The query requires an index. Add to the indexes in infra/topology.yaml: "
            f"{{collection: letters, fields: [{wanted}]}}"
        ]
    }


@pytest.mark.parametrize("field", ["payload", "expire_at"])
def test_a_query_by_a_field_that_is_in_no_index_is_found(field: str) -> None:
    found = problems([*SEEN, asked(order=field)])
    assert list(found) == ["test_every_query_has_its_indexes"]


def test_an_index_that_is_dropped_though_a_query_needs_it_is_found() -> None:
    assert list(problems(SEEN, indexes=(BY_QUEUE,))) == ["test_every_query_has_its_indexes"]


def test_an_index_that_no_query_needs_is_found() -> None:
    # That of both serves the query for both alone, so that each of the others is for itself.
    both = Index(collection="letters", fields=("queue ASC", "status ASC", "at DESC"))
    assert problems(SEEN, indexes=(BY_QUEUE, BY_STATUS, both)) == {}
    assert problems([asked("queue", "status"), WRITTEN], indexes=(both, BY_STATUS)) == {
        "test_every_index_is_needed_by_a_query": [
            "no query needs {collection: letters, fields: [status ASC, at DESC]}: remove it, or test the query"
        ]
    }


def test_an_exemption_of_a_field_that_no_document_has_is_found() -> None:
    renamed = (*RIGHT.exemptions, Exemption(collection="letters", field="pay_load"))
    assert problems(SEEN, exemptions=renamed) == {
        "test_every_exempt_field_is_a_field_of_a_document": [
            "no document has {collection: letters, field: pay_load}: remove the exemption"
        ]
    }


def test_an_end_that_no_document_has_is_found() -> None:
    assert problems(SEEN, ttl={"letters": "expires"}) == {
        "test_documents_have_the_field_that_ends_them": [
            "no document has expires of letters, which is its ttl: remove or rename it"
        ]
    }


def test_a_collection_that_lost_its_end_is_found() -> None:
    note = Seen(group="notes", fields=("expire_at", "text"))
    assert problems([*SEEN, note], ttl={**RIGHT.ttl, "notes": "expire_at"}) == {}
    assert problems([*SEEN, note]) == {
        "test_documents_that_have_an_end_are_deleted_then": [
            "documents of notes have expire_at, but no ttl deletes them: add {notes: expire_at}"
        ]
    }
