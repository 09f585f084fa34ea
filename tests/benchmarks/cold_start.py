"""Cold starts: from spawning an entry point's server process to its first answer."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import IO

import httpx
import psutil

from infra.topology import load
from tests.benchmarks.report import show
from tests.benchmarks.system import System
from tests.e2e.harness import ROOT, free_port

_LONGEST_SECONDS = 30.0
_LOOK_SECONDS = 0.002
_MEGABYTE = 1_000_000


def show_cold_starts(system: System, repeats: int) -> None:
    """Print, for each function, the time until a process of its own answers, and its memory then.

    The first request has no token, so its answer is a 4xx: it goes through the whole application, clients included,
    and waits for no other service.
    """
    rows = []
    for name, function in load().functions.items():
        # Once in vain: the first start of all writes the .pyc files, which a deployed container has.
        _cold_start(system, function.entry_point)
        starts = [_cold_start(system, function.entry_point) for _ in range(repeats)]
        took = [seconds * 1e3 for seconds, _ in starts]
        rows.append((name, median(took), max(took), median(memory for _, memory in starts) / _MEGABYTE))
    title = f"Cold start, process to first answer, Functions Framework with --asgi (medians of {repeats})"
    show(title, ("function", "ms", "slowest", "RSS MB"), rows)


def _cold_start(system: System, entry_point: str) -> tuple[float, float]:
    """Seconds to the first answer, and bytes of memory with it."""
    began = time.perf_counter()
    with first_answered(system, entry_point, subprocess.DEVNULL) as process:
        took = time.perf_counter() - began
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return took, max(member.memory_info().rss for member in family)


@contextmanager
def first_answered(
    system: System, entry_point: str, errors: IO[bytes] | int, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process of its own for an entry point, which has answered one request.

    Args:
        errors: where its standard error goes.
        environment: what it finds there besides the local cloud's addresses.
    """
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--asgi", "--target", entry_point]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **system.cloud.environment, "WORKERS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )
    try:
        _first_answer(f"http://127.0.0.1:{port}/", time.perf_counter() + _LONGEST_SECONDS)
        yield process
    finally:
        process.terminate()
        process.wait()


def _first_answer(url: str, deadline: float) -> None:
    while time.perf_counter() < deadline:
        try:
            answer = httpx.post(url, timeout=_LONGEST_SECONDS, trust_env=False)
        except httpx.TransportError:
            time.sleep(_LOOK_SECONDS)
            continue
        if answer.status_code >= 500:
            raise RuntimeError(f"the first answer is {answer.status_code}: {answer.text}")
        return
    raise RuntimeError(f"no answer within {_LONGEST_SECONDS:g} s")
