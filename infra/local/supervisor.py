"""Keep the functions process running, whatever kills it, and its clock in step with the local cloud's."""

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the framework that it imports is the functions process's
    from infra.local.functions_host import Assignment

_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 0.8  # enough to finish a short request; losing a longer one is no worse than a crash
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_ERROR_LINES = 30


class FunctionsError(Exception):
    """The functions could not be loaded; the text is the end of their log."""


class Supervisor:
    """Owns the functions process.

    The listening socket is the supervisor's: while the process is being replaced, new connections wait in it
    instead of being refused.

    Args:
        assignment: what the process serves, and by how many seconds its clock is ahead.
        environment: the whole environment of the process.
        log: file to which the process's output is appended.
        report: tells the person at the terminal about a process that cannot start.
        echo: gets a copy of each piece of output; None leaves the output in the file alone.
    """

    def __init__(
        self,
        assignment: "Assignment",
        environment: Mapping[str, str],
        log: Path,
        report: Callable[[str], None],
        echo: Callable[[bytes], None] | None = None,
    ) -> None:
        self._assignment = assignment
        self._environment = environment
        self._log = log
        log.touch(mode=0o600)
        self._report = report
        self._echo = echo
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._process: asyncio.subprocess.Process | None = None
        self._control: asyncio.StreamWriter | None = None
        self._serving_offset: float | None = None  # None: not serving
        self._changed = asyncio.Condition()
        self._supervision: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def process_id(self) -> int:
        """The process that runs now, or ran last."""
        assert self._process is not None, "not started"
        return self._process.pid

    async def start(self) -> None:
        """Start the process and wait until it serves.

        Raises:
            FunctionsError: the functions cannot be loaded.
        """
        first_run: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervision = asyncio.create_task(self._supervise(first_run))
        await first_run

    async def ready(self, within: float) -> bool:
        """Wait until the process serves; False when it does not within that many seconds."""
        if self._serving_offset is not None:
            return True
        try:
            async with asyncio.timeout(within):
                await self._until(lambda: self._serving_offset is not None)
        except TimeoutError:
            return False
        return True

    async def shift_clock(self, offset: float) -> None:
        """Move the process's clock to ``offset`` seconds ahead, and return when that holds.

        A process that dies meanwhile is replaced by one that starts with the new offset.
        """
        self._assignment["offset"] = offset
        if self._control is not None and not self._control.is_closing():
            _send(self._control, {"offset": offset})
        await self._until(lambda: self._serving_offset is not None and self._serving_offset >= offset)

    async def kill(self) -> None:
        """SIGKILL the process, as a crash would, and return when its successor serves."""
        crashed = self._process
        if crashed is not None:
            self._serving_offset = None
            with suppress(ProcessLookupError):
                crashed.kill()
        await self._until(lambda: self._process is not crashed and self._serving_offset is not None)

    async def stop(self) -> None:
        """End the process: politely, then by force."""
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.wait({self._supervision})
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._listener.close()

    async def _supervise(self, first_run: "asyncio.Future[None]") -> None:
        pause = _FIRST_PAUSE
        while True:
            error = await self._run_until_death(first_run)
            if error is None:
                pause = _FIRST_PAUSE
                self.restarts += 1
                continue
            if not first_run.done():
                first_run.set_exception(FunctionsError(error))
                return
            self._report(f"The functions cannot start; trying again in {pause:g} s.\n{error}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run_until_death(self, first_run: "asyncio.Future[None]") -> str | None:
        """One process, from start to death. None if it served in between, or else why it did not."""
        log_start = self._log.stat().st_size
        try:
            served = await self._run(first_run)
        except OSError as error:
            return f"No process can be started: {error}"
        return None if served else _end_of(self._log, log_start)

    async def _run(self, first_run: "asyncio.Future[None]") -> bool:
        """One process, from start to death. True if it served in between."""
        served = False
        process, reader, control = await self._spawn()
        self._process, self._control = process, control
        _send(control, self._assignment)
        with suppress(ConnectionError):  # it died before it read all that it was told
            async for line in reader:
                served = True
                await self._set_serving(json.loads(line)["offset"])
                if not first_run.done():
                    first_run.set_result(None)
        await self._set_serving(None)
        control.close()
        await process.wait()
        return served

    async def _spawn(
        self,
    ) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.StreamWriter]:
        """Start a process; return it with the two ends of its control socket."""
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            output = asyncio.subprocess.PIPE if self._echo else log
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "infra.local.functions_host", str(self._listener.fileno()), str(theirs.fileno())),
                pass_fds=(self._listener.fileno(), theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT if self._echo else log,
                env=self._environment,
                cwd=_ROOT,
                start_new_session=True,  # Ctrl-C is the supervisor's, which stops things in order
            )
        if process.stdout is not None and self._echo is not None:
            self._copying = asyncio.create_task(_copy(process.stdout, self._log, self._echo))
        return process, *await asyncio.open_unix_connection(sock=ours)

    async def _set_serving(self, offset: float | None) -> None:
        async with self._changed:
            self._serving_offset = offset
            self._changed.notify_all()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)


def _send(control: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    control.write(json.dumps(message).encode("ascii") + b"\n")


async def _copy(output: asyncio.StreamReader, log: Path, echo: Callable[[bytes], None]) -> None:
    with log.open("ab", buffering=0) as file:
        while piece := await output.read(65536):
            file.write(piece)
            echo(piece)


def _end_of(log: Path, start: int) -> str:
    """What a process that failed has written, without the pages that come before the error."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_ERROR_LINES:]) or "It ended without a word."
