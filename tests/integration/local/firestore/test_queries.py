"""Queries, cursors, aggregations and listings, through Google's client. (Their finer points: tests/parity.)"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter, Or
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.vector import Vector

from infra.local.clock import Clock
from infra.local.firestore import CompositeIndex, FirestoreService
from tests.integration.local.firestore.conftest import served

DESCENDING = firestore.Query.DESCENDING


def where(field: str, operator: str, value: object) -> FieldFilter:
    return FieldFilter(field, operator, value)


async def ids(query: Any) -> list[str]:
    return [each.id async for each in query.stream()]


@pytest_asyncio.fixture
async def returns(client: firestore.AsyncClient) -> firestore.AsyncCollectionReference:
    """r0 to r9: ``account`` a, b, a, b…; ``updated`` 9 down to 0; ``tags`` of the number and its parity."""
    batch = client.batch()
    for number in range(10):
        data = {
            "account": "ab"[number % 2],
            "updated": 9 - number,
            "tags": [number, number % 2],
            "payload": "p",
        }
        batch.set(client.document(f"returns/r{number}"), data)
    await batch.commit()
    return client.collection("returns")


async def test_an_equality_is_answered_in_order_of_the_names(
    returns: firestore.AsyncCollectionReference,
) -> None:
    assert await ids(returns.where(filter=where("account", "==", "a"))) == ["r0", "r2", "r4", "r6", "r8"]


async def test_a_composite_query_walks_its_index(returns: firestore.AsyncCollectionReference) -> None:
    query = returns.where(filter=where("account", "==", "a")).where(filter=where("updated", ">=", 3))
    assert await ids(query.order_by("updated", direction=DESCENDING).limit(2)) == ["r0", "r2"]


async def test_a_page_goes_on_behind_its_cursor(returns: firestore.AsyncCollectionReference) -> None:
    query = returns.order_by("account").order_by("updated", direction=DESCENDING).limit(3)
    first = [each async for each in query.stream()]
    second = [each async for each in query.start_after(first[-1]).stream()]
    assert [each.id for each in first + second] == ["r0", "r2", "r4", "r6", "r8", "r1"]


async def test_limit_to_last_counts_from_the_end(returns: firestore.AsyncCollectionReference) -> None:
    query = returns.order_by("updated").limit_to_last(2)
    assert [each.id for each in await query.get()] == ["r1", "r0"]


async def test_both_cursors_bound_a_query(returns: firestore.AsyncCollectionReference) -> None:
    query = returns.order_by("updated").start_at({"updated": 3}).end_before({"updated": 5})
    assert await ids(query) == ["r6", "r5"]


async def test_or_in_and_array_contains(returns: firestore.AsyncCollectionReference) -> None:
    either = Or([where("updated", "==", 9), where("tags", "array_contains", 7)])
    assert await ids(returns.where(filter=either)) == ["r0", "r7"]
    assert await ids(returns.where(filter=where("updated", "in", [0, 9, 42]))) == ["r0", "r9"]
    assert await ids(returns.where(filter=where("tags", "array_contains_any", [3, 4]))) == ["r3", "r4"]


async def test_a_projection_holds_the_selected_fields_only(
    returns: firestore.AsyncCollectionReference,
) -> None:
    query = returns.select(["updated"]).limit(1)
    assert [each.to_dict() async for each in query.stream()] == [{"updated": 9}]


async def test_aggregations(returns: firestore.AsyncCollectionReference) -> None:
    query = returns.where(filter=where("account", "==", "a"))
    (answers,) = await query.count("n").sum("updated", "sum").avg("updated", "avg").get()
    assert {each.alias: each.value for each in answers} == {"n": 5, "sum": 25, "avg": 5.0}
    ((limited,),) = await returns.limit(4).count().get()
    assert limited.value == 4


async def test_a_collection_group_reaches_every_depth(client: firestore.AsyncClient) -> None:
    for path in (
        "members/a",
        "latches/l1/members/b",
        "latches/l1/members/b/members/c",
        "latches/l2/others/d",
    ):
        await client.document(path).set({"n": len(path)})
    group = client.collection_group("members")
    assert await ids(group.order_by("n", direction=DESCENDING)) == ["c", "b", "a"]
    assert await ids(group) == ["b", "c", "a"]


async def test_a_subcollection_is_apart_from_its_siblings(client: firestore.AsyncClient) -> None:
    for path in ("members/a", "latches/l1/members/b", "latches/l2/members/c"):
        await client.document(path).set({"n": 1})
    query = client.collection("latches/l1/members").where(filter=where("n", "==", 1))
    assert await ids(query) == ["b"]


async def test_a_query_on_an_exempt_field_is_refused(returns: firestore.AsyncCollectionReference) -> None:
    with pytest.raises(exceptions.FailedPrecondition, match="payload"):
        await ids(returns.where(filter=where("payload", "==", "p")))


async def test_indexes_follow_a_changed_configuration(
    new_service: Callable[[], FirestoreService],
    connect: Callable[[str], firestore.AsyncClient],
    tmp_path: Any,
    clock: Clock,
) -> None:
    async with served(new_service()) as address:
        await connect(address).document("returns/r1").set({"payload": "p", "a": 1})
    changed = FirestoreService(
        tmp_path / "firestore.sqlite",
        clock,
        composites=[CompositeIndex("returns", [("payload", "ASCENDING"), ("a", "DESCENDING")])],
    )
    async with served(changed) as address:
        query = connect(address).collection("returns").where(filter=where("payload", "==", "p"))
        assert await ids(query.order_by("a", direction=DESCENDING)) == ["r1"]


async def test_a_long_walk_gives_way_to_the_selective_condition(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    """Many documents match each condition, few match both: the order's index alone would be walked to its end."""
    for start in range(0, 3000, 500):
        batch = client.batch()
        for number in range(start, start + 500):
            data = {"seen": number, "kind": "late" if number >= 1400 else "early", "n": number % 700}
            batch.set(client.document(f"events/e{number:04}"), data)
        await batch.commit()
    query = (
        client.collection("events")
        .where(filter=where("kind", "==", "late"))
        .where(filter=where("n", "==", 5))
    )
    assert await ids(query.order_by("seen").limit(10)) == ["e1405", "e2105", "e2805"]
    late = client.collection("events").where(filter=where("kind", "==", "late")).order_by("seen").limit(2)
    assert await ids(late) == ["e1400", "e1401"]


async def test_a_query_sees_one_state_while_others_write(client: firestore.AsyncClient) -> None:
    batch = client.batch()
    for number in range(400):
        batch.set(client.document(f"events/e{number:03}"), {"n": 1})
    await batch.commit()
    stream = aiter(client.collection("events").where(filter=where("n", "==", 1)).stream())
    seen = [await anext(stream)]
    batch = client.batch()
    for number in range(400):
        batch.delete(client.document(f"events/e{number:03}"))
    await batch.commit()
    seen += [each async for each in stream]
    assert len(seen) == 400


async def test_a_query_that_is_cut_short_leaves_no_old_state_behind(client: firestore.AsyncClient) -> None:
    batch = client.batch()
    for number in range(400):
        batch.set(client.document(f"events/e{number:03}"), {"n": 1})
    await batch.commit()
    for round_ in range(3):
        stream = client.collection("events").stream()
        assert (await anext(aiter(stream))).get("n") == 1
        await stream.aclose()
        await client.document("events/new").set({"round": round_})
        query = client.collection("events").where(filter=where("round", "==", round_))
        assert await ids(query) == ["new"]


async def test_listing_documents_includes_missing_ancestors(client: firestore.AsyncClient) -> None:
    for path in ("stores/s1", "stores/s2/pages/p1", "stores/s3", "stores/s3/pages/p1", "storesX/y"):
        await client.document(path).set({})
    listed = [each.id async for each in client.collection("stores").list_documents(page_size=2)]
    assert listed == ["s1", "s2", "s3"]


async def test_listing_collections(client: firestore.AsyncClient) -> None:
    for path in ("stores/s1", "stores/s1/pages/p1", "stores/s1/prices/x/deep/y", "returns/r1"):
        await client.document(path).set({})
    assert [each.id async for each in client.collections()] == ["returns", "stores"]
    assert [each.id async for each in client.document("stores/s1").collections()] == ["pages", "prices"]


async def test_recursive_delete_takes_everything_below(client: firestore.AsyncClient) -> None:
    for path in ("stores/s1", "stores/s1/pages/p1", "stores/s2/pages/p1/lines/l1", "storesX/y"):
        await client.document(path).set({})

    def delete() -> int:
        blocking = firestore.Client(project="shop", credentials=client._credentials)
        return blocking.recursive_delete(blocking.collection("stores"))

    assert await asyncio.to_thread(delete) == 3
    assert [each.id async for each in client.collections()] == ["storesX"]


async def test_partitions_cover_a_collection_group_once(client: firestore.AsyncClient) -> None:
    batch = client.batch()
    for number in range(40):
        batch.set(client.document(f"stores/s{number % 4}/lines/l{number:02}"), {})
        batch.set(client.document(f"lines/m{number:02}"), {})
    await batch.commit()
    partitions = [each async for each in client.collection_group("lines").get_partitions(5)]
    found = [each.reference.path for part in partitions async for each in part.query().stream()]
    assert len(partitions) == 6  # five points
    assert len(found) == len(set(found)) == 80


async def test_illegal_queries_say_what_is_wrong(returns: firestore.AsyncCollectionReference) -> None:
    query = returns.where(filter=where("updated", "in", list(range(31))))
    with pytest.raises(exceptions.InvalidArgument, match="up to 30"):
        await ids(query)


async def test_what_is_not_served_says_so(client: firestore.AsyncClient) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        await ids(client.collection("returns").find_nearest("v", Vector([1.0]), 1, DistanceMeasure.COSINE))
