"""What a person at this machine drops in a private bucket, and reads there."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from infra.local.http_server import address_of, local_socket, served
from infra.local.problems import problems

from .conftest import Shop

MIB = 1024 * 1024


@pytest.fixture
async def person(shop: Shop) -> AsyncIterator[ClientSession]:
    app, listener = web.Application(middlewares=[problems]), local_socket()
    app.add_routes(shop.service.drop_routes("/drop", "goods", "feeds"))
    async with (
        served(app, listener, auto_decompress=False),
        ClientSession(f"http://{address_of(listener)}") as session,
    ):
        yield session


async def test_what_is_dropped_is_an_object_in_the_folder_and_has_its_event(
    shop: Shop, person: ClientSession
) -> None:
    async with person.put(
        "/drop/acme/prices.csv", data=b"a,b", headers={"Content-Type": "text/csv"}
    ) as taken:
        assert taken.status == 201
        answer = await taken.json()
    assert answer == {"object": "feeds/acme/prices.csv", "generation": answer["generation"], "size": "3"}
    assert shop.happened() == [("finalized", "feeds/acme/prices.csv", answer["generation"])]
    blob = await shop.run(shop.bucket.get_blob, "feeds/acme/prices.csv")
    assert (blob.content_type, await shop.run(blob.download_as_bytes)) == ("text/csv", b"a,b")


async def test_a_large_one_comes_in_pieces(shop: Shop, person: ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(MIB)

    async with person.put("/drop/acme/prices.csv", data=pieces()) as taken:
        assert taken.status == 201
        assert (await taken.json())["size"] == str(40 * MIB)


async def test_objects_of_the_folder_can_be_read_and_no_others(shop: Shop, person: ClientSession) -> None:
    await shop.put("feeds/acme/prices.csv.7.bad-lines.ndjson", b"{}")
    await shop.put("secret", b"s")
    async with person.get("/drop/acme/prices.csv.7.bad-lines.ndjson") as found:
        assert (found.status, await found.read()) == (200, b"{}")
    for path in ("/drop/secret", "/drop/acme/none.csv", "/drop/%2E%2E/secret"):
        async with person.get(path) as missing:
            assert (missing.status, missing.content_type) == (404, "application/problem+json")


async def test_a_name_that_cannot_be_is_refused(shop: Shop, person: ClientSession) -> None:
    async with person.put(f"/drop/acme/{'n' * 1100}.csv", data=b"a") as refused:
        assert (refused.status, refused.content_type) == (400, "application/problem+json")
    assert shop.happened() == []
