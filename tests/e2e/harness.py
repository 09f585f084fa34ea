"""Start the local cloud as ``make run`` does, in a process of its own, and drive it over HTTP."""

import os
import queue
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60
# Below those that systems hand out, or a connection of somebody else might have the port before us, or at a restart.
_PORTS = range(10_000, 32_000)
# How often all schedules fire at once.
_SCHEDULES_SECONDS = 900
# What a developer's shell may hold and a newcomer's does not.
_NOT_INHERITED = ("PORT", "DATA_DIR", "SEED", "LOG", "FIRESTORE_EMULATOR_HOST")


def free_port() -> int:
    """A port that nobody has, nor gets by asking for any."""
    while True:
        port = random.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class LocalCloud:
    """One ``python -m infra.local``.

    Args:
        options: environment variables such as ``SEED``.
    """

    def __init__(self, data_dir: Path, **options: str) -> None:
        self.data_dir = data_dir
        self.options = {"PORT": str(free_port()), "SEED": "none", "DATA_DIR": str(data_dir), **options}
        self.base_url = f"http://127.0.0.1:{self.options['PORT']}"
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local"],
            cwd=ROOT,
            env={**inherited, **self.options},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    @cached_property
    def http(self) -> httpx.Client:
        """A client of its gateway."""
        return httpx.Client(base_url=self.base_url, timeout=30)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, line: str) -> "LocalCloud":
        """Return once it has printed ``line``.

        Raises:
            AssertionError: it ended before that, or took too long.
        """
        while (printed := self._lines.get(timeout=_START_SECONDS)) != line:
            assert printed is not None, f"it ended:\n{self.text}"
        return self

    @property
    def text(self) -> str:
        """What it has printed."""
        return "\n".join(self.output)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the ``env`` file."""
        lines = (self.data_dir / "env").read_text(encoding="utf-8").splitlines()
        words = [shlex.split(line) for line in lines]
        return dict(assignment.split("=", 1) for _, assignment in words)

    def token(self, *roles: str, sub: str = "tester", account: str = "") -> dict[str, str]:
        """The ``Authorization`` header of a user."""
        parameters = {"sub": sub, "roles": ",".join(roles), "account": account}
        token = self.http.get("/_local/token", params=parameters).raise_for_status().json()["token"]
        return {"Authorization": f"Bearer {token}"}

    def wait_out_schedules(self) -> "LocalCloud":
        """Move the clock to where every schedule has just fired: none does unasked while a test counts."""
        now = datetime.fromisoformat(self.http.get("/_local/clock").raise_for_status().json()["now"])
        until_they_fire = _SCHEDULES_SECONDS - now.timestamp() % _SCHEDULES_SECONDS
        self.http.post("/_local/clock:advance", json={"seconds": until_they_fire}).raise_for_status()
        self.http.post("/_local/idle?timeout=25").raise_for_status()
        return self

    def restarted(self) -> "LocalCloud":
        """A new process with the same data on the same port; this one has ended."""
        return LocalCloud(self.data_dir, **self.options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; return the exit status."""
        self.http.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@contextmanager
def local_cloud(data_dir: Path, **options: str) -> Iterator[LocalCloud]:
    """A local cloud that is ready; it is gone after the block."""
    cloud = LocalCloud(data_dir, **options)
    try:
        yield cloud.wait_for("ready")
    finally:
        if cloud.process.poll() is None:
            cloud.stop()
