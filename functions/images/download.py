"""An image from somebody else's server, which may be slow, wrong, endless, or set up to make us call our own servers.

A name is resolved once for each request, every address is checked, and a checked address is what is connected to: so no
second answer of a nameserver can lead elsewhere. The certificate is still checked against the name.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx

from functions.images.formats import HEAD_BYTES, media_type, stranger
from functions.images.resolving import Resolve, addresses_of, public_addresses_of, system_resolve
from functions.images.sources import SourceRefusedError, Sources, host, port
from shared.errors import TransientError
from shared.images import MAX_ORIGINAL_BYTES

_HEADERS = {
    "Accept": "image/*",
    # What comes compressed could be larger than it looks.
    "Accept-Encoding": "identity",
    # A connection is to an address: kept, it would be used again for another name that has the same address, whose
    # certificate nobody would have seen.
    "Connection": "close",
    "User-Agent": "Backstock-ImageFetch/1.0",
}
# Not now, or not so often; all of 500 and above too.
_MAY_HEAL = frozenset({408, 425, 429})
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and how long: ``connect_seconds`` for each address, ``total_seconds`` for everything."""

    image_bytes: int = MAX_ORIGINAL_BYTES
    connect_seconds: float = 10
    total_seconds: float = 60
    redirects: int = 5


_LIMITS = Limits()


@dataclass(slots=True)
class Download:
    """An image whose first bytes have come."""

    media_type: str
    head: bytes
    rest: AsyncIterator[bytes]

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of the image, in pieces; once.

        Raises:
            SourceRefusedError: ``too-many-bytes``.
            TransientError: the connection broke, or is too slow.
        """
        yield self.head
        async for chunk in self.rest:
            yield chunk


def transport(certificates: ssl.SSLContext | None = None) -> httpx.AsyncHTTPTransport:
    """Connections for ``Downloads``, direct ones over HTTP/1.1, as nobody's environment says otherwise.

    Args:
        certificates: whose are believed; by default those of the public authorities.
    """
    return httpx.AsyncHTTPTransport(verify=certificates or True, trust_env=False)


class Downloads:
    """Opens images by their URLs.

    A transport is asked rather than a client: it keeps no cookies, follows nothing and knows no proxy.

    Args:
        trusted: URLs below which plain HTTP, any port and private addresses are allowed too.
        connections: ``transport()``, or what stands in for it.
    """

    def __init__(
        self,
        trusted: Iterable[str] = (),
        *,
        connections: httpx.AsyncBaseTransport | None = None,
        resolve: Resolve = system_resolve,
        limits: Limits = _LIMITS,
    ) -> None:
        self._sources = Sources(trusted)
        self._connections = connections or transport()
        self._resolve = resolve
        self._limits = limits

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Download]:
        """The image at ``url``, or where it redirects to; the connection ends with the block.

        Raises:
            SourceRefusedError: there is no image there, or none that is safe to take.
            TransientError: it may work later.
        """
        deadline = asyncio.get_running_loop().time() + self._limits.total_seconds
        source = self._sources.parse(url)
        with _failures(source):
            async with asyncio.timeout_at(deadline):
                source, response = await self._follow(source)
        async with aclosing(response), aclosing(self._body(source, response, deadline)) as body:
            self._accept(source, response)
            head = await _head(body)
            found = media_type(head)
            if found is None:
                raise SourceRefusedError("not-an-image", f"What {host(source)} sends is {stranger(head)}.")
            yield Download(found, head, body)

    async def _follow(self, url: httpx.URL) -> tuple[httpx.URL, httpx.Response]:
        """The first answer that is no redirection, and whose it is."""
        seen = {url}
        while True:
            response = await self._request(url)
            if not response.has_redirect_location:
                return url, response
            await response.aclose()
            url = self._sources.follow(url, response.headers["location"])
            if url in seen or len(seen) > self._limits.redirects:
                raise SourceRefusedError("too-many-redirects", f"{host(url)} is redirected to without end.")
            seen.add(url)

    async def _request(self, url: httpx.URL) -> httpx.Response:
        """Ask at the first address that can be connected to."""
        find = addresses_of if self._sources.trusts(url) else public_addresses_of
        *others, last = await find(host(url), port(url), self._resolve)
        for address in others:
            try:
                return await self._request_at(address, url)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._request_at(last, url)

    async def _request_at(self, address: str, url: httpx.URL) -> httpx.Response:
        request = httpx.Request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), **_HEADERS},
            extensions={
                # The name that TLS asks for, and that the certificate has to be for.
                "sni_hostname": host(url),
                "timeout": {"connect": self._limits.connect_seconds},
            },
        )
        return await self._connections.handle_async_request(request)

    async def _body(
        self, source: httpx.URL, response: httpx.Response, deadline: float
    ) -> AsyncGenerator[bytes, None]:
        """What comes, as it comes, as long as it is in time and not too much."""
        received = 0
        raw = response.aiter_raw()
        while (chunk := await _next(source, raw, deadline)) is not None:
            received += len(chunk)
            self._allow(source, received)
            yield chunk

    def _accept(self, source: httpx.URL, response: httpx.Response) -> None:
        """Let pass only an answer that can be an image, by what it says of itself."""
        status, name = response.status_code, host(source)
        if status in _GONE:
            raise SourceRefusedError("gone", f"There is nothing at this URL of {name} ({status}).")
        if status in _MAY_HEAL or status >= 500:
            raise TransientError(f"{name} answered {status}.")
        if not response.is_success:
            raise SourceRefusedError("refused", f"{name} does not give the image to us ({status}).")
        if (encoding := response.headers.get("content-encoding", "identity").lower()) != "identity":
            raise SourceRefusedError("not-an-image", f"What {name} sends is compressed ({encoding}).")
        self._allow(source, int(response.headers.get("content-length", 0)))

    def _allow(self, source: httpx.URL, size: int) -> None:
        if size > self._limits.image_bytes:
            limit = f"{self._limits.image_bytes:,} bytes"
            raise SourceRefusedError("too-many-bytes", f"The image at {host(source)} is larger than {limit}.")


async def _next(source: httpx.URL, raw: AsyncIterator[bytes], deadline: float) -> bytes | None:
    # The time of whoever reads is not cut short: only what is waited for here.
    with _failures(source):
        async with asyncio.timeout_at(deadline):
            return await anext(raw, None)


async def _head(body: AsyncIterator[bytes]) -> bytes:
    """What comes first: ``HEAD_BYTES`` or more, or all there is."""
    head = b""
    async for chunk in body:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head


@contextmanager
def _failures(source: httpx.URL) -> Iterator[None]:
    """What goes wrong with a connection, as this project's errors."""
    try:
        yield
    except TimeoutError as error:
        raise TransientError(f"{host(source)} is too slow.") from error
    # Some errors of TLS come as they are.
    except (httpx.TransportError, OSError) as error:
        if _is_certificate_failure(error):
            text = f"{host(source)} has no certificate for that name that can be believed."
            raise SourceRefusedError("bad-certificate", text) from error
        raise TransientError(f"{host(source)} cannot be read: {error!r}") from error


def _is_certificate_failure(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
