"""The URLs that an image may come from."""

from collections.abc import Iterable
from typing import Literal

import httpx

from shared.errors import PermanentError

Reason = Literal[
    "malformed-url",
    "not-https",
    "private-address",
    "unknown-host",
    "bad-certificate",
    "too-many-redirects",
    "gone",
    "refused",
    "too-many-bytes",
    "not-an-image",
]

_DEFAULT_PORTS = {"https": 443, "http": 80}


class SourceRefusedError(PermanentError):
    """There is no image to be had from a URL, or none that is safe to take.

    Args:
        reason: for programs.
        text: for the seller: a sentence that says what to change, and nothing of the inside of our network.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Sources:
    """Tells which URLs may be asked for an image.

    Args:
        trusted: URLs below which everything is allowed that is not otherwise: plain HTTP, any port, a private address.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = [httpx.URL(url) for url in trusted]

    def parse(self, text: str) -> httpx.URL:
        """``text`` as a URL that may be asked.

        Raises:
            SourceRefusedError: ``malformed-url`` or ``not-https``.
        """
        try:
            return self._checked(httpx.URL(text))
        except httpx.InvalidURL as error:
            raise SourceRefusedError("malformed-url", f"An image's URL is no URL: {error}.") from error

    def follow(self, url: httpx.URL, location: str) -> httpx.URL:
        """Where ``url`` redirects to with a ``Location``, relative or not.

        Raises:
            SourceRefusedError: as ``parse``.
        """
        try:
            return self._checked(url.join(location))
        except (httpx.InvalidURL, ValueError) as error:
            raise SourceRefusedError("malformed-url", f"{host(url)} redirects to what is no URL.") from error

    def trusts(self, url: httpx.URL) -> bool:
        """Whether ``url`` is one of the trusted ones, or below it by whole path segments."""
        # Decoded, as the server will see it: what climbs out of its folder only then is not below it either.
        segments = url.path.split("/")
        return ".." not in segments and any(
            _origin(url) == _origin(trusted) and segments[: len(folder)] == folder
            for trusted in self._trusted
            for folder in [trusted.path.rstrip("/").split("/")]
        )

    def _checked(self, url: httpx.URL) -> httpx.URL:
        if url.scheme not in _DEFAULT_PORTS or not url.raw_host:
            raise SourceRefusedError("malformed-url", "An image's URL is https:// and the name of a server.")
        if url.userinfo:
            raise SourceRefusedError(
                "malformed-url", "An image's URL may not carry a user name or a password."
            )
        if self.trusts(url):
            return url
        if url.scheme != "https":
            raise SourceRefusedError("not-https", f"{host(url)} is to be asked without https.")
        # Any other port is more likely something that was never meant for the public than a web server.
        if port(url) != 443:
            raise SourceRefusedError("malformed-url", f"{host(url)} is to be asked on a port other than 443.")
        return url


def host(url: httpx.URL) -> str:
    """The name (in ASCII, without the final dot of a complete one) or the address of the server of ``url``."""
    return url.raw_host.decode("ascii").removesuffix(".")


def port(url: httpx.URL) -> int:
    """The port of ``url``, named or not."""
    return url.port or _DEFAULT_PORTS[url.scheme]


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, host(url), port(url)
