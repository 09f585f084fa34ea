"""The directory that holds everything the local cloud keeps from one start to the next."""

import fcntl
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from infra.local.keys import Keys, write_private


class DataDirectoryError(Exception):
    """The data directory cannot be used; the text says why."""


class DataDirectory:
    """One running local cloud's data. Opening takes a lock that ends with the process, however it ends.

    Raises:
        DataDirectoryError: another process uses it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = open(path / "lock", "w", encoding="ascii")  # noqa: SIM115  # held until the process ends
        except OSError as error:
            raise DataDirectoryError(
                f"The data directory {path} cannot be used: {error.strerror}."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataDirectoryError(
                f"The data directory {path} is in use by another local cloud. "
                "Stop that one, or take another directory: DATA_DIR=.local-2 PORT=8081 make run"
            ) from error

    def keys(self) -> Keys:
        """The keys of this local cloud."""
        return Keys.kept_in(self.path / "keys.json")

    def clock_offset(self) -> float:
        """By how many seconds the clock has been moved so far."""
        file = self.path / "clock.json"
        return float(json.loads(file.read_text(encoding="ascii"))["offset"]) if file.exists() else 0.0

    def keep_clock_offset(self, offset: float) -> None:
        """Remember the offset, so that a restart does not run timestamps backwards."""
        write_private(self.path / "clock.json", json.dumps({"offset": offset}))

    def write_environment(self, environment: Mapping[str, str]) -> Path:
        """Write ``env``, a file to source in a shell, and return its path."""
        file = self.path / "env"
        write_private(
            file, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        )
        return file

    def start_log(self) -> Path:
        """The path of this run's functions log; the previous run's becomes ``functions.log.1``."""
        log = self.path / "functions.log"
        if log.exists():
            os.replace(log, self.path / "functions.log.1")
        return log

    def is_seeded(self) -> bool:
        """Whether the demo data has been loaded completely."""
        return (self.path / "seeded").exists()

    def mark_seeded(self) -> None:
        """Remember that the demo data has been loaded."""
        (self.path / "seeded").touch()
