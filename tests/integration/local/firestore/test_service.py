"""What the local Firestore offers beyond Google's protocol: counters, faults and sweeps."""

from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from infra.local.clock import Clock
from infra.local.firestore import FirestoreService


async def test_operations_are_counted_as_google_bills_them(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    batch = client.batch()
    for number in range(3):
        batch.set(client.document(f"returns/r{number}"), {"n": number})
    batch.delete(client.document("returns/none"))
    await batch.commit()
    assert (service.stats.writes, service.stats.deletes) == (3, 1)

    service.reset_stats()
    await client.document("returns/none").get()
    assert [each async for each in client.collection("returns").limit(2).stream()]
    assert not [each async for each in client.collection("nothing").stream()]
    await client.collection("returns").count().get()
    assert service.stats.reads == 1 + 2 + 1 + 1
    assert service.stats.rpcs == {"BatchGetDocuments": 1, "RunQuery": 2, "RunAggregationQuery": 1}


async def test_what_an_offset_passes_over_is_billed_and_no_more(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    for number in range(3):
        await client.document(f"returns/r{number}").set({"n": number})
    query = client.collection("returns").order_by("n")

    service.reset_stats()
    assert [each.id async for each in query.offset(2).limit(1).stream()] == ["r2"]
    assert service.stats.reads == 2 + 1
    assert not [each async for each in query.offset(100).limit(1).stream()]
    assert service.stats.reads == 3 + 3


async def test_a_refused_commit_is_not_billed(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    with pytest.raises(exceptions.NotFound):
        await client.document("returns/none").update({"a": 1})
    assert service.stats.writes == 0


async def test_an_unavailable_server_has_done_nothing(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    service.faults = {"unavailable_rate": 1.0}
    with pytest.raises(exceptions.ServiceUnavailable):
        await client.document("returns/r1").set({}, retry=None)
    service.faults = {}
    assert not (await client.document("returns/r1").get()).exists


async def test_a_lost_answer_has_done_its_work(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    service.faults = {"lost_answer_rate": 1.0}
    with pytest.raises(exceptions.ServiceUnavailable):
        await client.document("returns/r1").set({}, retry=None)
    service.faults = {}
    assert (await client.document("returns/r1").get()).exists


async def test_a_database_at_its_limit_refuses_writes_and_answers_reads(
    client: firestore.AsyncClient, service: FirestoreService
) -> None:
    await client.document("returns/r1").set({"a": 1})
    service.faults = {"write_exhausted_rate": 1.0}
    batch = client.batch()
    batch.delete(client.document("returns/r1"))
    for write in (client.document("returns/r1").set({"a": 2}, retry=None), batch.commit(retry=None)):
        with pytest.raises(exceptions.ResourceExhausted):
            await write
    assert (await client.document("returns/r1").get()).to_dict() == {"a": 1}


@pytest.mark.parametrize("settings", [{"unavailable": 1}, {"unavailable_rate": 1.5}, {"seed": 0.5}])
def test_unknown_faults_are_refused(service: FirestoreService, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        service.faults = settings
    service.close()


async def test_expired_documents_are_swept_in_every_collection_of_the_group(
    client: firestore.AsyncClient, service: FirestoreService, clock: Clock
) -> None:
    expires = clock.now() + timedelta(hours=1)
    for path in ("leases/a", "jobs/j/leases/b"):
        await client.document(path).set({"expires": expires})
    await client.document("leases/forever").set({"expires": "never"})
    assert await service.sweep_expired() == 0
    clock.advance(3601)
    assert await service.sweep_expired() == 2
    assert [each.id async for each in client.collection_group("leases").stream()] == ["forever"]


async def test_a_renewed_document_is_not_swept(
    client: firestore.AsyncClient, service: FirestoreService, clock: Clock
) -> None:
    await client.document("leases/a").set({"expires": clock.now() + timedelta(hours=1)})
    await client.document("leases/a").update({"expires": clock.now() + timedelta(hours=3)})
    clock.advance(7200)
    assert await service.sweep_expired() == 0


async def test_reads_in_the_past_are_refused_once_something_changed(
    client: firestore.AsyncClient, clock: Clock
) -> None:
    await client.document("returns/r1").set({"n": 1})
    before = (await client.document("returns/r1").get()).read_time
    assert (await client.document("returns/r1").get(read_time=before)).get("n") == 1
    await client.document("returns/r1").set({"n": 2})
    query = client.collection("returns").where(filter=FieldFilter("n", "==", 1))
    with pytest.raises(exceptions.MethodNotImplemented):
        await query.get(read_time=before)
