"""What the room keeps, and how to see that nothing was written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.cloud.firestore import Client

from tests.e2e.clients import documents

_WRITTEN_BY_PRODUCTS = ("products", "outbox", "idempotency_keys")


def kept(database: Client, user: str) -> dict[str, dict[str, Any]]:
    """A user's products and their events, and all idempotency keys, which are nobody's."""
    return {
        collection: {
            name: fields
            for name, fields in documents(database, collection).items()
            if fields.get("user_id", user) == user
        }
        for collection in _WRITTEN_BY_PRODUCTS
    }


@contextmanager
def nothing_written(database: Client, user: str) -> Iterator[None]:
    """Check that a user's products, their events and the keys are afterwards as they were before."""
    before = kept(database, user)
    yield
    after = kept(database, user)
    # Since other tests move the clock, keys may lapse meanwhile.
    before["idempotency_keys"] = {
        name: fields
        for name, fields in before["idempotency_keys"].items()
        if name in after["idempotency_keys"]
    }
    assert after == before


@contextmanager
def nothing_added(database: Client) -> Iterator[None]:
    """The same for many small steps: check by the numbers of documents."""
    before = _count(database)
    yield
    added = {
        name: number - before[name] for name, number in _count(database).items() if number > before[name]
    }
    assert not added


def _count(database: Client) -> dict[str, int]:
    return {
        collection: int(database.collection(collection).count().get()[0][0].value)
        for collection in _WRITTEN_BY_PRODUCTS
    }
