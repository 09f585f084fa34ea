"""A query for which production would want an index is refused here, too, in words that say which."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import AsyncClient, AsyncTransaction, async_transactional
from google.cloud.firestore_v1.base_query import FieldFilter

from infra.local.clock import Clock
from infra.local.cloud import local_cloud
from infra.local.environment import PROJECT
from infra.local.firestore import CompositeIndex, FirestoreService
from infra.local.firestore.production import ProductionIndexes
from infra.local.firestore.usage import FILE, Usage, read
from infra.local.keys import Keys
from infra.topology import Topology
from tests.integration.local.firestore.conftest import served

BY_ACCOUNT = CompositeIndex("returns", [("account", "ASCENDING"), ("updated", "DESCENDING")])
WANTED = r"\{collection: returns, fields: \[account ASC, updated ASC\]\}"


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    return tmp_path / "noted"


@pytest.fixture
async def db(connect: Callable[[str], AsyncClient], noted: Path) -> AsyncIterator[AsyncClient]:
    production = ProductionIndexes([BY_ACCOUNT], [])
    service = FirestoreService(None, Clock(), production=production, usage=Usage(noted))
    async with served(service) as address:
        yield connect(address)


def of_account(db: AsyncClient, direction: str):
    return (
        db.collection("returns")
        .where(filter=FieldFilter("account", "==", "a"))
        .order_by("updated", direction=direction)
    )


async def test_a_query_is_served_in_the_direction_of_its_index_only(db: AsyncClient) -> None:
    await db.document("returns/r1").set({"account": "a", "updated": 1})
    assert [each.id for each in await of_account(db, "DESCENDING").get()] == ["r1"]
    with pytest.raises(FailedPrecondition, match=WANTED):
        await of_account(db, "ASCENDING").get()


async def test_an_aggregation_needs_the_index_of_its_query(db: AsyncClient) -> None:
    assert (await of_account(db, "DESCENDING").count().get())[0][0].value == 0
    with pytest.raises(FailedPrecondition, match=WANTED):
        await of_account(db, "ASCENDING").count().get()


async def test_a_query_in_a_transaction_needs_its_index(db: AsyncClient) -> None:
    @async_transactional
    async def look(transaction: AsyncTransaction) -> None:
        await of_account(db, "ASCENDING").get(transaction=transaction)

    with pytest.raises(FailedPrecondition, match=WANTED):
        await look(db.transaction())


async def test_each_kind_of_query_and_each_field_is_noted_once(db: AsyncClient, noted: Path) -> None:
    for number in range(3):
        await db.document(f"returns/r{number}").set({"account": "a", "updated": number})
        await of_account(db, "DESCENDING").limit(number + 1).get()
    await db.document("returns/r1").update({"closed": True})
    document, query, update = read(noted)
    assert (document.group, document.fields) == ("returns", ("account", "updated"))
    assert query.query is not None
    assert query.query.group == "returns"
    assert (update.group, update.fields) == ("returns", ("closed",))


async def test_the_local_cloud_has_the_indexes_of_its_topology(
    topology: Topology, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FILE, raising=False)
    async with local_cloud(topology, None, Clock(), keys, "http://127.0.0.1:1") as cloud:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", cloud.environment["FIRESTORE_EMULATOR_HOST"])
        pending = (
            AsyncClient(project=PROJECT)
            .collection("outbox")
            .where(filter=FieldFilter("status", "==", "pending"))
        )
        assert await pending.order_by("deadline").get() == []
        with pytest.raises(FailedPrecondition, match=r"outbox, fields: \[status ASC, deadline DESC\]"):
            await pending.order_by("deadline", direction="DESCENDING").get()
