"""Declared indexes make queries short; they change no answer."""

from collections.abc import Sequence
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client
from google.cloud.firestore_v1 import _helpers, types
from google.cloud.firestore_v1.base_query import BaseQuery, FieldFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.clock import Clock
from infra.local.firestore.database import Database
from infra.local.firestore.executor import Execution, Page
from infra.local.firestore.indexes import CompositeIndex, Exemption, IndexSet
from infra.local.firestore.messages import Document
from infra.local.firestore.queries import compile_query
from infra.local.firestore.storage import Store

CLIENT = Client(project="shop", credentials=AnonymousCredentials())
DATABASE = "projects/shop/databases/(default)"
INDEXES = IndexSet(
    [
        CompositeIndex("things", [("a", "ASCENDING"), ("b", "DESCENDING"), ("c", "DESCENDING")]),
        CompositeIndex("things", [("b", "ASCENDING"), ("c", "DESCENDING")]),
        CompositeIndex("things", [("tags", "CONTAINS"), ("b", "ASCENDING"), ("c", "ASCENDING")]),
    ],
    [Exemption("things", field) for field in ("a", "b", "c", "tags")],
    {},
)
AUTOMATIC = IndexSet([], [], {})

# Few, so that they meet; then such of which a key does not tell, and one that an index cuts.
COMPARABLE = [1, 2.5, "a", "a\0"]
LONG = "z" * 1500
operands = st.sampled_from(COMPARABLE)
values = st.sampled_from([*COMPARABLE, None, b"\xff\0", [1], LONG])
tags = st.sampled_from([["x"], ["x", "y"], ["y"]])
things = st.fixed_dictionaries({"a": st.booleans(), "b": values, "c": values, "tags": tags})
others = st.fixed_dictionaries({"a": st.booleans(), "b": values})
# What a query holds to one value, whether it wants a tag, and its order; an index serves each, either way round.
served = st.sampled_from(
    [
        ("a", False, ("b", "c", "__name__")),
        ("ab", False, ("b", "c", "__name__")),
        ("", False, ("a", "-b", "-c", "-__name__")),
        ("", False, ("b", "-c", "-__name__")),
        ("b", False, ("b", "-c", "-__name__")),
        ("", True, ("b", "c", "__name__")),
        ("b", True, ("b", "c", "__name__")),
    ]
)
ranges = st.lists(
    st.tuples(st.sampled_from("bc"), st.sampled_from(["<", "<=", ">", ">="]), operands), max_size=2
)


def answer(indexes: IndexSet, documents: Sequence[Any], query: BaseQuery) -> list[str]:
    """The names of what a query finds."""
    store = Store(None, indexes)
    database = Database(store, indexes, Clock())
    writes = [
        types.Write.pb()(update={"name": f"{DATABASE}/documents/things/{number}", "fields": _fields(thing)})
        for number, thing in enumerate(documents)
    ]
    database.commit(DATABASE, writes)
    compiled = compile_query(f"{DATABASE}/documents", query._to_protobuf()._pb)
    with database.snapshot(None) as reader:
        page = Page(Execution(store, reader, indexes, compiled).steps(), compiled)
        found = [document.name for document in page if document is not None]
    store.close()
    return found


def _fields(thing: dict[str, Any]) -> dict[str, Document]:
    return {name: value._pb for name, value in _helpers.encode_dict(thing).items()}


@settings(max_examples=150)
@given(st.lists(things | things | others, min_size=5, max_size=20), served, st.booleans(), ranges, st.data())
def test_a_query_has_the_same_answer_from_declared_indexes_as_from_automatic_ones(
    documents: list[dict[str, Any]],
    shape: tuple[str, bool, tuple[str, ...]],
    backwards: bool,
    conditions: list[tuple[str, str, Any]],
    data: st.DataObject,
) -> None:
    pinned, tagged, order = shape
    query: BaseQuery = CLIENT.collection("things").limit(data.draw(st.integers(1, 12), label="limit"))
    present = {field: [each[field] for each in documents if each[field] != LONG] or [1] for field in pinned}
    equal = [(field, "==", data.draw(st.sampled_from(known))) for field, known in present.items()]
    for condition in (*equal, *conditions, *([("tags", "array_contains", "x")] if tagged else [])):
        query = query.where(filter=FieldFilter(*condition))
    for field in order:
        descending = field.startswith("-") != backwards
        query = query.order_by(field.lstrip("-"), direction="DESCENDING" if descending else "ASCENDING")
    if data.draw(st.booleans(), label="with a cursor"):
        number = data.draw(st.integers(0, len(documents) - 1))
        last = documents[number] | {"__name__": CLIENT.document(f"things/{number}")}
        place = {field: last.get(field, data.draw(values)) for field in (each.lstrip("-") for each in order)}
        query = query.start_after(place)
    assert answer(INDEXES, documents, query) == answer(AUTOMATIC, documents, query)
