"""A real Redis for a test: on a free port, empty, keeping nothing on disk; it can be stopped, frozen and thawed."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.local.http_server import address_of, local_socket

BINARY = shutil.which("redis-server")
_ATTEMPTS = 5


class RedisServer:
    """A redis-server of its own."""

    def __init__(self) -> None:
        # Somebody else may take the port that was just free.
        for _ in range(_ATTEMPTS):
            with local_socket() as free:
                self.address = address_of(free)
            if self._start():
                return
        raise RuntimeError("redis-server did not start")

    @property
    def url(self) -> str:
        return f"redis://{self.address}/0"

    def freeze(self) -> None:
        """It goes on taking connections and commands, as the kernel does that, and answers none."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """It is gone, and connections are refused."""
        self.thaw()
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def start_again(self) -> None:
        """At the same address, and empty."""
        assert self._start()

    def _start(self) -> bool:
        host, port = self.address.split(":")
        command = [str(BINARY), "--bind", host, "--port", port, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return any("Ready to accept connections" in line for line in self._process.stdout)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A server for as long as the context lasts; the test is skipped where there is no redis-server."""
    if BINARY is None:
        pytest.skip("there is no redis-server here to test with")
    server = RedisServer()
    try:
        yield server
    finally:
        server.stop()
