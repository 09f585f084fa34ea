"""Serve aiohttp applications on sockets of this machine alone."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 0.5


def local_socket(port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        OSError: the port cannot be had.
    """
    listener = socket.create_server((HOST, port), backlog=1024)
    # Its connections have it too. asyncio sets it by itself only for sockets that were made with the protocol's number,
    # and without it an answer in two pieces waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> str:
    """``host:port``."""
    return f"{HOST}:{listener.getsockname()[1]}"


@asynccontextmanager
async def served(
    app: web.Application, listener: socket.socket, *, auto_decompress: bool = True
) -> AsyncIterator[None]:
    """Serve ``app`` on ``listener`` inside the block.

    Args:
        auto_decompress: whether compressed request bodies are unpacked; a proxy passes them on as they are.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=auto_decompress,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        handle_signals=False,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
