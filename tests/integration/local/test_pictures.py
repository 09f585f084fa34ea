"""Other people's image hosts: pictures, and each kind of trouble."""

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from PIL import Image

from infra.local.http_server import address_of, local_socket, served
from infra.local.pictures.routes import Pictures
from infra.local.problems import problems


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application(middlewares=[problems])
    app.add_routes(Pictures().routes("/pictures"))
    listener = local_socket()
    async with served(app, listener), aiohttp.ClientSession(f"http://{address_of(listener)}") as session:
        yield session


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def fetched(http: aiohttp.ClientSession, name: str) -> tuple[int, str, bytes]:
    """Status, content type and body."""
    async with http.get(f"/pictures/{name}") as response:
        return response.status, response.content_type, await response.read()


async def test_a_photograph_has_the_size_that_was_asked_for(http: aiohttp.ClientSession) -> None:
    _, content_type, body = await fetched(http, "photo-7.jpg?width=200&height=120")
    assert content_type == "image/jpeg"
    with Image.open(io.BytesIO(body)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (200, 120))


async def test_a_photograph_follows_from_its_number(http: aiohttp.ClientSession) -> None:
    _, _, seven = await fetched(http, "photo-7.jpg?width=90&height=60")
    _, _, other = await fetched(http, "photo-8.jpg?width=90&height=60")
    again = await fetched(http, "photo-7.jpg?width=90&height=60&again")
    assert again[2] == seven != other


async def test_a_photograph_is_as_hard_to_compress_as_a_taken_one(http: aiohttp.ClientSession) -> None:
    _, _, body = await fetched(http, "photo-1.jpg?width=400&height=300")
    assert 0.1 < len(body) / (400 * 300) < 1


async def test_a_png_has_clear_and_opaque_places(http: aiohttp.ClientSession) -> None:
    _, content_type, body = await fetched(http, "photo-7.png?width=80&height=60")
    assert content_type == "image/png"
    with Image.open(io.BytesIO(body)) as picture:
        lowest, highest = picture.getchannel("A").getextrema()
    assert (lowest < 20, highest > 235) == (True, True)


@pytest.mark.parametrize(
    "query", ["width=0", "height=6001", "width=-1", "width=1.5", "height=", "width=9999999"]
)
async def test_a_size_out_of_range_is_refused(http: aiohttp.ClientSession, query: str) -> None:
    assert (await fetched(http, f"photo-7.jpg?{query}"))[0] == 400


@pytest.mark.parametrize("name", ["missing.jpg", "photo-x.jpg", "photo-1.gif"])
async def test_what_there_is_not_is_not_found(http: aiohttp.ClientSession, name: str) -> None:
    assert (await fetched(http, name))[0] == 404


async def test_a_bomb_is_small_and_says_that_it_is_large(http: aiohttp.ClientSession) -> None:
    _, content_type, body = await fetched(http, "bomb.png")
    assert content_type == "image/png"
    assert len(body) < 200_000
    with pytest.raises(Image.DecompressionBombError, match="900000000 pixels"):
        Image.open(io.BytesIO(body))


async def test_a_page_is_said_to_be_a_jpeg(http: aiohttp.ClientSession) -> None:
    _, content_type, body = await fetched(http, "page.jpg")
    assert content_type == "image/jpeg"
    assert body.startswith(b"<!doctype html>")


async def test_a_truncated_picture_begins_well(http: aiohttp.ClientSession) -> None:
    _, _, body = await fetched(http, "truncated.jpg")
    with Image.open(io.BytesIO(body)) as picture, pytest.raises(OSError, match="truncated"):
        picture.load()


async def test_a_redirect_goes_where_it_is_told(http: aiohttp.ClientSession) -> None:
    async with http.get(
        "/pictures/redirect.jpg", params={"to": "http://10.0.0.1/x"}, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (302, "http://10.0.0.1/x")


async def test_a_flaky_picture_comes_after_so_many_failures(http: aiohttp.ClientSession) -> None:
    statuses = [(await fetched(http, "flaky.jpg?times=2&width=40&height=30"))[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert (await fetched(http, "flaky.jpg?times=2&width=40&height=30&mine"))[0] == 503


async def test_a_slow_picture_begins_and_does_not_go_on(http: aiohttp.ClientSession) -> None:
    async with http.get("/pictures/slow.jpg") as response:
        assert await response.content.readany() == b"\xff\xd8\xff"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readany(), 0.02)


async def test_an_endless_picture_goes_on(http: aiohttp.ClientSession) -> None:
    async with http.get("/pictures/endless.jpg") as response:
        assert len(await response.content.readexactly(4_000_000)) == 4_000_000
