import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import httpx
import pytest

from functions.images.download import Downloads, Limits, transport
from functions.images.sources import SourceRefusedError
from shared.errors import RetryAfterError, TransientError
from tests.integration.images.strangers import Stranger, answer, certified, redirect, stranger

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
PUBLIC = "93.184.216.34"
_LIMITS = Limits()


class Names:
    """A nameserver whose every answer is said beforehand; addresses are answered with themselves."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[str] = []

    async def resolve(self, name: str, port: int) -> list[str]:
        self.asked.append(name)
        return self._addresses.get(name, [name])


class PublicServers(httpx.AsyncBaseTransport):
    """The public internet, which tests cannot reach: each answers with an image, or redirects."""

    def __init__(self, redirects: dict[str, str] | None = None) -> None:
        self._redirects = redirects or {}
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        location = self._redirects.get(request.headers["host"] + request.url.path)
        if location:
            return httpx.Response(302, headers={"Location": location})
        return httpx.Response(200, content=_pieces(JPEG))


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.fixture
async def server() -> AsyncIterator[Stranger]:
    async with stranger() as serving:
        yield serving


async def _read(downloads: Downloads, url: str) -> tuple[str, bytes]:
    async with downloads.open(url) as download:
        return download.media_type, b"".join([chunk async for chunk in download.chunks()])


async def _fetch(server: Stranger, path: str, limits: Limits = _LIMITS) -> tuple[str, bytes]:
    """From a trusted server, whose address is private."""
    base = f"http://127.0.0.1:{server.port}"
    return await _read(Downloads([f"{base}/"], limits=limits), base + path)


async def _refusal(reading: Awaitable[object]) -> str:
    with pytest.raises(SourceRefusedError) as refused:
        await reading
    return refused.value.reason


async def _guarded(url: str, names: Names, internet: PublicServers | None = None) -> tuple[str, bytes]:
    """From servers that nobody trusts."""
    return await _read(Downloads(connections=internet or PublicServers(), resolve=names.resolve), url)


async def test_an_image_comes_whole_with_the_type_that_it_has(server: Stranger) -> None:
    server.says("/a.png", answer(JPEG, "Content-Type: image/png"))
    assert await _fetch(server, "/a.png") == ("image/jpeg", JPEG)


async def test_a_request_says_who_asks_and_for_what(
    server: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A proxy that nobody answers at: were it asked, nothing would come.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.says("/a?b=c", answer(JPEG))
    await _fetch(server, "/a?b=c")
    assert server.requests[0].lower().split("\r\n")[:-2] == [
        "get /a?b=c http/1.1",
        f"host: 127.0.0.1:{server.port}",
        "accept: image/*",
        "accept-encoding: identity",
        "connection: close",
        "user-agent: backstock-imagefetch/1.0",
    ]


async def test_redirections_are_followed_without_cookies(server: Stranger) -> None:
    server.says("/1", answer(b"", "Location: deeper/2", "Set-Cookie: a=b", status="301 Moved"))
    server.says("/deeper/2", redirect("/3#part"))
    server.says("/3", answer(JPEG))
    assert await _fetch(server, "/1") == ("image/jpeg", JPEG)
    assert not any("cookie" in request.lower() for request in server.requests)


async def test_the_fifth_redirection_is_the_last(server: Stranger) -> None:
    for number in range(6):
        server.says(f"/{number}", redirect(f"/{number + 1}"))
    server.says("/6", answer(JPEG))
    assert await _fetch(server, "/1") == ("image/jpeg", JPEG)
    assert await _refusal(_fetch(server, "/0")) == "too-many-redirects"


async def test_redirections_in_a_circle_are_refused(server: Stranger) -> None:
    server.says("/a", redirect("/b"))
    server.says("/b", redirect("/a"))
    assert await _refusal(_fetch(server, "/a")) == "too-many-redirects"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://169.254.169.254/computeMetadata/v1/", "private-address"),
        ("https://[::ffff:127.0.0.1]/", "private-address"),
        ("http://93.184.216.34/a.jpg", "not-https"),
        ("//93.184.216.34/a.jpg", "not-https"),
        ("file:///etc/passwd", "malformed-url"),
        ("https://shop.test:port/", "malformed-url"),
    ],
)
async def test_trust_does_not_extend_to_where_a_trusted_server_redirects(
    server: Stranger, location: str, reason: str
) -> None:
    server.says("/a", redirect(location))
    assert await _refusal(_fetch(server, "/a")) == reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", "refused"),
        ("403 Forbidden", "refused"),
        ("404 Not Found", "gone"),
        ("410 Gone", "gone"),
        ("451 Unavailable For Legal Reasons", "refused"),
        ("304 Not Modified", "refused"),
    ],
)
async def test_a_no_is_final(server: Stranger, status: str, reason: str) -> None:
    server.says("/a", answer(b"", status=status))
    assert await _refusal(_fetch(server, "/a")) == reason


@pytest.mark.parametrize("status", ["408 Timeout", "425 Early", "429 Often", "500 Oh", "503 Busy"])
async def test_not_now_is_tried_again_and_holds_up_nobody_else(server: Stranger, status: str) -> None:
    server.says("/a", answer(b"", "Retry-After: 3600", status=status))
    with pytest.raises(TransientError) as failed:
        await _fetch(server, "/a")
    assert not isinstance(failed.value, RetryAfterError)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (answer(b"<!doctype html><p>Sold out", "Content-Type: image/jpeg"), "an HTML page"),
        (answer(b""), "empty"),
        (answer(gzip.compress(JPEG)), "a gzip file"),
        (answer(gzip.compress(bytes(10**6)), "Content-Encoding: gzip"), "compressed"),
    ],
)
async def test_what_is_no_image_is_refused(server: Stranger, sent: bytes, words: str) -> None:
    server.says("/a.jpg", sent)
    with pytest.raises(SourceRefusedError, match=words) as refused:
        await _fetch(server, "/a.jpg")
    assert refused.value.reason == "not-an-image"


async def test_what_says_that_it_is_too_large_is_not_read(server: Stranger) -> None:
    server.says("/a", b"HTTP/1.1 200 OK\r\nContent-Length: 26214401\r\n\r\n")
    assert await _refusal(_fetch(server, "/a")) == "too-many-bytes"


async def test_an_image_may_be_as_large_as_the_limit_and_no_larger(server: Stranger) -> None:
    server.says("/a", b"HTTP/1.1 200 OK\r\n\r\n" + JPEG)
    assert await _fetch(server, "/a", Limits(image_bytes=len(JPEG))) == ("image/jpeg", JPEG)
    assert await _refusal(_fetch(server, "/a", Limits(image_bytes=len(JPEG) - 1))) == "too-many-bytes"


async def test_an_endless_image_is_cut_off(server: Stranger) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(JPEG)
            await writer.drain()

    server.says("/a", endless)
    assert await _refusal(_fetch(server, "/a", Limits(image_bytes=1_000_000))) == "too-many-bytes"


async def test_a_slow_drip_is_cut_off(server: Stranger) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + JPEG)
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.says("/a", drip)
    with pytest.raises(TransientError, match="too slow"):
        await _fetch(server, "/a", Limits(total_seconds=0.2))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + JPEG,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n804\r\n" + JPEG + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + JPEG,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
async def test_half_an_answer_and_what_is_none_are_tried_again(server: Stranger, sent: bytes) -> None:
    server.says("/a", sent)
    with pytest.raises(TransientError):
        await _fetch(server, "/a")


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(TransientError):
        await _read(Downloads([base]), base)


async def test_the_next_address_is_tried_when_one_does_not_answer(server: Stranger) -> None:
    server.says("/a", answer(JPEG))
    base = f"http://pictures.test:{server.port}/"
    # Nobody listens at the first: the server has the second alone.
    names = Names(pictures_test=["127.0.0.2", "127.0.0.1"])
    assert await _read(Downloads([base], resolve=names.resolve), f"{base}a") == ("image/jpeg", JPEG)
    assert f"host: pictures.test:{server.port}" in server.requests[0].lower()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], [PUBLIC, "10.0.0.1"], ["::ffff:10.0.0.1"], ["fd00:ec2::254"]],
)
async def test_a_name_with_any_private_address_is_never_connected_to(addresses: list[str]) -> None:
    internet = PublicServers()
    names = Names(shop_test=addresses)
    assert await _refusal(_guarded("https://shop.test/a.jpg", names, internet)) == "private-address"
    assert not internet.requests


async def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    internet, names = PublicServers(), Names(shop_test=[PUBLIC])
    await _guarded("https://shop.test/a.jpg", names, internet)
    (request,) = internet.requests
    assert (names.asked, request.url.host) == (["shop.test"], PUBLIC)
    assert (request.headers["host"], request.extensions["sni_hostname"]) == ("shop.test", "shop.test")


async def test_each_redirection_is_resolved_and_checked() -> None:
    internet = PublicServers({"shop.test/a.jpg": "https://inside.test/"})
    names = Names(shop_test=[PUBLIC], inside_test=["10.0.0.1"])
    assert await _refusal(_guarded("https://shop.test/a.jpg", names, internet)) == "private-address"
    assert (len(internet.requests), names.asked) == (1, ["shop.test", "inside.test"])


@pytest.mark.parametrize("written", ["127.1", "2130706433", "0x7f.1", "[::1]", "localhost"])
async def test_no_notation_of_an_address_gets_round_the_guard(written: str) -> None:
    """By the system's own resolver, as it is when deployed."""
    reading = _read(Downloads(connections=PublicServers()), f"https://{written}/")
    assert await _refusal(reading) == "private-address"


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_NONAME, "unknown"), UnicodeError("label too long"), None]
)
async def test_a_name_that_nobody_has_is_final(error: Exception | None) -> None:
    async def resolve(name: str, port: int) -> list[str]:
        if error:
            raise error
        return []

    reading = _read(Downloads(connections=PublicServers(), resolve=resolve), "https://shop.test/")
    assert await _refusal(reading) == "unknown-host"


async def test_a_nameserver_that_does_not_answer_is_asked_again() -> None:
    async def resolve(name: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    with pytest.raises(TransientError):
        await _read(Downloads(connections=PublicServers(), resolve=resolve), "https://shop.test/")


async def _read_with_certificate(certified_name: str, folder: Path) -> tuple[str, bytes]:
    """From "shop.test", which shows a certificate for ``certified_name``."""
    shown, believed = certified(certified_name, folder)
    async with stranger(shown) as server:
        server.says("/a", answer(JPEG))
        base = f"https://shop.test:{server.port}/"
        names = Names(shop_test=["127.0.0.1"])
        return await _read(
            Downloads([base], connections=transport(believed), resolve=names.resolve), f"{base}a"
        )


async def test_a_certificate_is_for_the_name_though_the_address_is_asked(tmp_path: Path) -> None:
    assert await _read_with_certificate("shop.test", tmp_path) == ("image/jpeg", JPEG)


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    assert await _refusal(_read_with_certificate("other.test", tmp_path)) == "bad-certificate"


async def test_a_certificate_of_nobody_known_is_refused(tmp_path: Path) -> None:
    shown, _ = certified("shop.test", tmp_path)
    async with stranger(shown) as server:
        base = f"https://shop.test:{server.port}/"
        downloads = Downloads([base], resolve=Names(shop_test=["127.0.0.1"]).resolve)
        assert await _refusal(_read(downloads, base)) == "bad-certificate"
