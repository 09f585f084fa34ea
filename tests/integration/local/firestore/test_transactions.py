"""Optimistic transactions, through Google's client."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from infra.local.clock import Clock


async def started(client: firestore.AsyncClient, *, read_only: bool = False) -> firestore.AsyncTransaction:
    transaction = client.transaction(read_only=read_only)
    await transaction._begin()
    return transaction


async def test_transactions_that_collide_are_retried_until_each_counts(client: firestore.AsyncClient) -> None:
    document = client.document("counters/c")
    await document.set({"n": 0})
    attempts = 0

    @firestore.async_transactional
    async def increment(transaction: firestore.AsyncTransaction) -> None:
        nonlocal attempts
        attempts += 1
        value = (await document.get(transaction=transaction)).get("n")
        if attempts == 1:
            await document.update({"n": firestore.Increment(1)})
        transaction.update(document, {"n": value + 1})

    await increment(client.transaction())
    assert (attempts, (await document.get()).get("n")) == (2, 2)


async def test_a_transaction_that_always_collides_is_given_up(client: firestore.AsyncClient) -> None:
    document = client.document("counters/c")

    @firestore.async_transactional
    async def collide(transaction: firestore.AsyncTransaction) -> None:
        await document.get(transaction=transaction)
        await document.set({"n": firestore.Increment(1)}, merge=True)
        transaction.set(document, {"n": -1})

    with pytest.raises(ValueError, match="2 attempts"):
        await collide(client.transaction(max_attempts=2))
    assert (await document.get()).get("n") == 2


async def test_a_refused_write_is_what_the_caller_of_a_transaction_sees(
    client: firestore.AsyncClient,
) -> None:
    document = client.document("counters/c")
    await document.set({})

    @firestore.async_transactional
    async def create(transaction: firestore.AsyncTransaction) -> None:
        transaction.create(document, {})

    with pytest.raises(exceptions.AlreadyExists):
        await create(client.transaction())


async def test_a_change_of_a_document_read_aborts(client: firestore.AsyncClient) -> None:
    transaction = await started(client)
    await client.document("jobs/j").get(transaction=transaction)
    await client.document("jobs/j").set({"status": 1})
    transaction.set(client.document("jobs/other"), {})
    with pytest.raises(exceptions.Aborted):
        await transaction._commit()


async def test_a_phantom_in_a_query_read_aborts(client: firestore.AsyncClient) -> None:
    transaction = await started(client)
    query = client.collection("jobs").where(filter=FieldFilter("status", "==", 1)).limit(5)
    assert [each async for each in query.stream(transaction=transaction)] == []
    await client.document("jobs/j").set({"status": 1})
    transaction.set(client.document("jobs/mine"), {"status": 1})
    with pytest.raises(exceptions.Aborted):
        await transaction._commit()


async def test_an_unrelated_change_does_not_abort(client: firestore.AsyncClient) -> None:
    transaction = await started(client)
    query = client.collection("jobs").where(filter=FieldFilter("status", "==", 1))
    assert [each async for each in query.stream(transaction=transaction)] == []
    await client.document("jobs/j").get(transaction=transaction)
    await client.document("jobs/unrelated").set({"status": 0})
    transaction.set(client.document("jobs/j"), {"status": 1})
    await transaction._commit()
    assert (await client.document("jobs/j").get()).get("status") == 1


async def test_a_changed_count_aborts(client: firestore.AsyncClient) -> None:
    transaction = await started(client)
    ((count,),) = await client.collection("jobs").count().get(transaction=transaction)
    await client.document("jobs/j").set({})
    transaction.set(client.document("totals/jobs"), {"n": count.value})
    with pytest.raises(exceptions.Aborted):
        await transaction._commit()


async def test_reads_of_a_transaction_are_of_one_state(client: firestore.AsyncClient) -> None:
    await client.document("pairs/a").set({"n": 1})
    await client.document("pairs/b").set({"n": 1})
    transaction = await started(client, read_only=True)
    first = await client.document("pairs/a").get(transaction=transaction)
    batch = client.batch()
    batch.set(client.document("pairs/a"), {"n": 2})
    batch.set(client.document("pairs/b"), {"n": 2})
    await batch.commit()
    second = await client.document("pairs/b").get(transaction=transaction)
    assert (first.get("n"), second.get("n")) == (1, 1)
    await transaction._rollback()


async def test_a_read_only_transaction_may_not_write(client: firestore.AsyncClient) -> None:
    transaction = await started(client, read_only=True)
    write: Any = client.batch()
    write.set(client.document("jobs/j"), {})
    with pytest.raises(exceptions.InvalidArgument):
        await client._firestore_api.commit(
            request={
                "database": client._database_string,
                "writes": write._write_pbs,
                "transaction": transaction._id,
            },
            metadata=client._rpc_metadata,
        )


async def test_an_idle_transaction_expires(client: firestore.AsyncClient, clock: Clock) -> None:
    transaction = await started(client)
    clock.advance(61)
    with pytest.raises(exceptions.InvalidArgument):
        await client.document("jobs/j").get(transaction=transaction)


async def test_a_busy_transaction_expires_after_270_seconds(
    client: firestore.AsyncClient, clock: Clock
) -> None:
    transaction = await started(client)
    for _ in range(5):
        clock.advance(50)
        await client.document("jobs/j").get(transaction=transaction)
    clock.advance(50)
    with pytest.raises(exceptions.InvalidArgument):
        await transaction._commit()


async def test_a_rolled_back_transaction_is_gone(client: firestore.AsyncClient) -> None:
    transaction = await started(client)
    transaction_id = transaction._id
    await transaction._rollback()
    with pytest.raises(exceptions.InvalidArgument):
        await client._firestore_api.rollback(
            request={"database": client._database_string, "transaction": transaction_id},
            metadata=client._rpc_metadata,
        )
