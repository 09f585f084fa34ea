"""A public bucket's objects as everyone sees them."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from infra.local.http_server import address_of, local_socket, served

from .conftest import Shop


@pytest.fixture
async def anyone(shop: Shop) -> AsyncIterator[ClientSession]:
    app, listener = web.Application(), local_socket()
    app.add_routes(shop.service.public_routes("/images", "goods"))
    async with served(app, listener), ClientSession(f"http://{address_of(listener)}") as session:
        yield session


async def test_an_object_is_shown_with_what_caches_need(shop: Shop, anyone: ClientSession) -> None:
    blob = shop.bucket.blob("products/p 1/ü.webp")
    blob.cache_control = "public, max-age=31536000, immutable"
    await shop.run(blob.upload_from_string, b"RIFF", content_type="image/webp")
    async with anyone.get("/images/products/p%201/%C3%BC.webp") as response:
        assert (response.status, await response.read()) == (200, b"RIFF")
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["Cache-Control"] == blob.cache_control
        etag = response.headers["ETag"]
    path = "/images/products/p 1/ü.webp"
    async with anyone.get(path, headers={"If-None-Match": etag}) as response:
        assert (response.status, response.headers["ETag"]) == (304, etag)
    async with anyone.get(path, headers={"Range": "bytes=1-2"}) as response:
        assert (response.status, await response.read()) == (206, b"IF")
    async with anyone.head(path) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "4")


async def test_nothing_else_is_shown_and_nothing_can_be_changed(shop: Shop, anyone: ClientSession) -> None:
    await shop.put("a")
    for method, path, status in (
        ("GET", "/images/b", 404),
        ("GET", "/images", 404),
        ("PUT", "/images/a", 405),
    ):
        async with anyone.request(method, path) as response:
            assert response.status == status
