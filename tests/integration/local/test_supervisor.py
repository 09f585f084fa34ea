"""The functions process comes back whatever kills it, and lives in the local cloud's time."""

import asyncio
import os
import signal
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from infra.local.supervisor import FunctionsError, Supervisor
from tests.integration.local.conftest import SAMPLE, supervising
from tests.integration.local.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CLOSE = 5.0  # seconds within which two readings of a clock are the same


async def _echo(http: aiohttp.ClientSession) -> dict[str, float]:
    async with http.get("/echo") as response:
        seen: dict[str, float] = await response.json()
        return seen


async def test_a_process_killed_from_outside_is_replaced(
    http: aiohttp.ClientSession, supervisor: Supervisor
) -> None:
    first, restarts = await _echo(http), supervisor.restarts
    os.kill(int(first["pid"]), signal.SIGKILL)
    await until(lambda: supervisor.restarts == restarts + 1)
    assert (await _echo(http))["pid"] != first["pid"]


async def test_every_clock_of_the_process_moves(http: aiohttp.ClientSession, supervisor: Supervisor) -> None:
    for offset in (3_600.0, 86_400.5, 200_000.0):
        await supervisor.shift_clock(offset)
        seen = await _echo(http)
        assert seen["time"] - time.time() == pytest.approx(offset, abs=_CLOSE)
        assert seen["now"] - time.time() == pytest.approx(offset, abs=_CLOSE)


async def test_a_restart_keeps_the_clock(http: aiohttp.ClientSession, supervisor: Supervisor) -> None:
    await supervisor.shift_clock(300_000.0)
    await supervisor.kill()
    assert (await _echo(http))["time"] - time.time() == pytest.approx(300_000.0, abs=_CLOSE)


async def test_the_clock_moves_even_when_the_process_dies_meanwhile(
    http: aiohttp.ClientSession, supervisor: Supervisor
) -> None:
    os.kill(supervisor.process_id, signal.SIGKILL)
    await supervisor.shift_clock(400_000.0)
    assert (await _echo(http))["time"] - time.time() == pytest.approx(400_000.0, abs=_CLOSE)


async def test_the_clock_moves_while_the_successor_is_starting(
    http: aiohttp.ClientSession, supervisor: Supervisor
) -> None:
    dead = supervisor.process_id
    os.kill(dead, signal.SIGKILL)
    await until(lambda: supervisor.process_id != dead)
    async with asyncio.timeout(15):
        await supervisor.shift_clock(500_000.0)
    assert (await _echo(http))["time"] - time.time() == pytest.approx(500_000.0, abs=_CLOSE)


async def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    async with supervising(SAMPLE, tmp_path / "log") as supervisor:
        await supervisor.start()
        process = psutil.Process(supervisor.process_id)
    assert not process.is_running()


async def test_functions_that_cannot_be_loaded_say_why(tmp_path: Path) -> None:
    source = tmp_path / "main.py"
    source.write_text("raise RuntimeError('no configuration')\n", encoding="ascii")
    async with supervising(source, tmp_path / "log") as supervisor:
        with pytest.raises(FunctionsError, match="RuntimeError: no configuration"):
            await supervisor.start()


async def test_a_process_that_cannot_come_back_is_reported_and_tried_again(tmp_path: Path) -> None:
    source, good = tmp_path / "main.py", SAMPLE.read_text(encoding="utf-8")
    source.write_text(good, encoding="utf-8")
    reports: list[str] = []
    async with supervising(source, tmp_path / "log", reports.append) as supervisor:
        await supervisor.start()
        source.write_text("raise RuntimeError('half an edit')\n", encoding="ascii")
        os.kill(supervisor.process_id, signal.SIGKILL)
        await until(lambda: bool(reports))
        assert "half an edit" in reports[0]
        assert not await supervisor.ready(0)
        source.write_text(good, encoding="utf-8")
        assert await supervisor.ready(15)


async def test_output_can_be_seen_as_it_comes(tmp_path: Path) -> None:
    source, log = tmp_path / "main.py", tmp_path / "log"
    source.write_text("print('hello', flush=True)\n" + SAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    seen: list[bytes] = []
    async with supervising(source, log, echo=seen.append) as supervisor:
        await supervisor.start()
        await until(lambda: b"hello\n" in b"".join(seen))
    assert "hello\n" in log.read_text(encoding="utf-8")
