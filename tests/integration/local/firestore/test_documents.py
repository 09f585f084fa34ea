"""Writes, reads, preconditions and transforms, through Google's client."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath

from infra.local.clock import Clock
from infra.local.firestore import FirestoreService
from tests.integration.local.firestore.conftest import served


async def test_a_document_comes_back_as_it_was_set(client: firestore.AsyncClient) -> None:
    document = client.document("returns/r1")
    data = {
        "none": None,
        "flag": True,
        "count": 2**53 + 1,
        "ratio": -0.5,
        "at": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        "text": "für \U0001f600",
        "raw": b"\x00\xff",
        "other": client.document("returns/r2"),
        "place": firestore.GeoPoint(52.5, 13.4),
        "items": [{"sku": "a", "sizes": [1, 2]}],
        "odd.name": {"`x`": 1},
    }
    await document.set(data)
    assert (await document.get()).to_dict() == data


async def test_a_missing_document_is_reported_as_such(client: firestore.AsyncClient) -> None:
    snapshot = await client.document("returns/none").get()
    assert not snapshot.exists


async def test_get_all_reads_what_there_is(client: firestore.AsyncClient) -> None:
    await client.document("returns/r1").set({"a": 1, "b": 2})
    references = [client.document("returns/r1"), client.document("returns/none")]
    found = {each.id: each.to_dict() async for each in client.get_all(references, field_paths=["b"])}
    assert found == {"r1": {"b": 2}, "none": None}


async def test_create_refuses_a_taken_name(client: firestore.AsyncClient) -> None:
    await client.document("returns/r1").create({"a": 1})
    with pytest.raises(exceptions.AlreadyExists):
        await client.document("returns/r1").create({"a": 2})


async def test_update_refuses_a_missing_document(client: firestore.AsyncClient) -> None:
    with pytest.raises(exceptions.NotFound):
        await client.document("returns/none").update({"a": 1})


async def test_update_and_merge_leave_other_fields_alone(client: firestore.AsyncClient) -> None:
    document = client.document("returns/r1")
    await document.set({"a": 1, "m": {"x": 1, "y": 2}, "gone": 1})
    await document.update({"m.x": 5, "gone": firestore.DELETE_FIELD})
    await document.set({"b": 2}, merge=True)
    assert (await document.get()).to_dict() == {"a": 1, "b": 2, "m": {"x": 5, "y": 2}}


async def test_a_stale_update_time_fails_the_precondition(client: firestore.AsyncClient) -> None:
    document = client.document("returns/r1")
    first = await document.set({"a": 1})
    await document.set({"a": 2})
    option = client.write_option(last_update_time=first.update_time)
    with pytest.raises(exceptions.FailedPrecondition):
        await document.update({"a": 3}, option=option)
    assert (await document.get()).get("a") == 2


async def test_a_current_update_time_passes_the_precondition(client: firestore.AsyncClient) -> None:
    document = client.document("returns/r1")
    written = await document.set({"a": 1})
    await document.delete(option=client.write_option(last_update_time=written.update_time))
    assert not (await document.get()).exists


async def test_a_write_that_changes_nothing_keeps_the_update_time(client: firestore.AsyncClient) -> None:
    document = client.document("returns/r1")
    first = await document.set({"a": 1, "nan": float("nan")})
    second = await document.set({"a": 1, "nan": float("nan")})
    assert second.update_time == first.update_time


async def test_a_commit_is_all_or_nothing(client: firestore.AsyncClient) -> None:
    await client.document("returns/taken").set({})
    batch = client.batch()
    batch.set(client.document("returns/r1"), {"a": 1})
    batch.create(client.document("returns/taken"), {})
    with pytest.raises(exceptions.AlreadyExists):
        await batch.commit()
    assert not (await client.document("returns/r1").get()).exists


async def test_writes_of_one_commit_see_each_other(client: firestore.AsyncClient) -> None:
    document = client.document("counters/c")
    batch = client.batch()
    batch.set(document, {"n": 1})
    batch.update(document, {"n": firestore.Increment(2)})
    batch.update(document, {"n": firestore.Increment(0.5)})
    await batch.commit()
    assert (await document.get()).to_dict() == {"n": 3.5}


async def test_transforms_compute_on_the_server(client: firestore.AsyncClient) -> None:
    document = client.document("counters/c")
    await document.set({"low": 3, "high": 3, "tags": ["a", "b"], "list": [1, 2, 1.0]})
    changes = {
        "low": firestore.Minimum(2),
        "high": firestore.Maximum(2),
        "tags": firestore.ArrayUnion(["b", "c"]),
        "list": firestore.ArrayRemove([1]),
        "at": firestore.SERVER_TIMESTAMP,
    }
    await document.update(changes)
    data = (await document.get()).to_dict()
    at = data.pop("at")
    assert data == {"low": 2, "high": 3, "tags": ["a", "b", "c"], "list": [2]}
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=10)


async def test_an_integer_increment_stops_at_64_bits(client: firestore.AsyncClient) -> None:
    document = client.document("counters/c")
    await document.set({"n": 2**63 - 1})
    await document.update({"n": firestore.Increment(5)})
    assert (await document.get()).get("n") == 2**63 - 1


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("returns/__reserved__", {}),
        ("__reserved__/r1", {}),
        ("returns/" + "x" * 1501, {}),
        ("returns/r1", {"__reserved__": 1}),
        ("returns/r1", {"nested": [[1]]}),
        ("returns/r1", {"big": "x" * 1_048_576}),
        ("returns/r1", {"many": [f"{n}" for n in range(40_001)]}),
    ],
    ids=["document id", "collection id", "long id", "field name", "array in array", "1 MiB", "index entries"],
)
async def test_what_google_would_not_store_is_refused(
    client: firestore.AsyncClient, path: str, data: dict[str, object]
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        await client.document(path).set(data)


async def test_a_request_over_ten_mebibytes_is_refused(client: firestore.AsyncClient) -> None:
    batch = client.batch()
    for number in range(11):
        batch.set(client.document(f"returns/r{number}"), {"text": "x" * 1_000_000})
    with pytest.raises(exceptions.InvalidArgument, match="exceeds the limit"):
        await batch.commit()


async def test_commit_times_only_grow_and_never_repeat(client: firestore.AsyncClient) -> None:
    times = [(await client.document(f"returns/r{number}").set({})).update_time for number in range(50)]
    assert times == sorted(set(times))


async def test_a_restart_loses_nothing(
    new_service: Callable[[], FirestoreService], connect: Callable[[str], firestore.AsyncClient]
) -> None:
    async with served(new_service()) as address:
        written = await connect(address).document("returns/r1").set({"account": "a", "updated": 1})
    async with served(new_service()) as address:
        client = connect(address)
        found = [
            each
            async for each in client.collection("returns")
            .where(filter=FieldFilter("account", "==", "a"))
            .stream()
        ]
        again = await client.document("returns/r2").set({})
    assert [each.to_dict() for each in found] == [{"account": "a", "updated": 1}]
    assert again.update_time > written.update_time


async def test_commit_times_grow_over_a_restart_with_a_slower_clock(
    new_service: Callable[[], FirestoreService], connect: Callable[[str], firestore.AsyncClient], clock: Clock
) -> None:
    clock.advance(3600)
    async with served(new_service()) as address:
        before = await connect(address).document("returns/r1").set({})
    clock.offset = 0
    async with served(new_service()) as address:
        after = await connect(address).document("returns/r2").set({})
    assert after.update_time > before.update_time


async def test_projects_and_databases_are_apart(address: str, client: firestore.AsyncClient) -> None:
    other = firestore.AsyncClient(project="other", credentials=client._credentials)
    await client.document("returns/r1").set({"a": 1})
    assert not (await other.document("returns/r1").get()).exists
    assert [each async for each in other.collection_group("returns").stream()] == []


async def test_the_synchronous_client_works_as_well(address: str, client: firestore.AsyncClient) -> None:
    def use() -> dict[str, object] | None:
        blocking = firestore.Client(project="shop", credentials=client._credentials)
        blocking.document("returns/r1").set({"a": 1})
        return blocking.document("returns/r1").get().to_dict()

    assert await asyncio.to_thread(use) == {"a": 1}


async def test_a_bulk_writer_learns_which_writes_failed(address: str, client: firestore.AsyncClient) -> None:
    failed: list[str] = []

    def use() -> None:
        blocking = firestore.Client(project="shop", credentials=client._credentials)
        blocking.document("returns/r3").set({})
        writer = blocking.bulk_writer()
        writer.on_write_error(lambda failure, _: failed.append(failure.operation.reference.id))
        for number in range(5):
            writer.create(blocking.document(f"returns/r{number}"), {"n": number})
        writer.close()

    await asyncio.to_thread(use)
    stored = [each.id async for each in client.collection("returns").stream()]
    assert failed == ["r3"]
    assert stored == ["r0", "r1", "r2", "r3", "r4"]


async def test_a_field_path_may_need_quotes(client: firestore.AsyncClient) -> None:
    document = client.document("returns/r1")
    await document.set({"a.b": {"c d": 1}})
    await document.update({FieldPath("a.b", "c d").to_api_repr(): 2})
    assert (await document.get()).to_dict() == {"a.b": {"c d": 2}}
