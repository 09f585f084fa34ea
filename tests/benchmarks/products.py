"""The catalog, measured beside others: ``python -m tests.benchmarks.products`` (``make bench-products``).

Prints tables, and ends with status 1 when a claimed bound is broken. docs/performance.md says what they mean.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import imports, verdict
from tests.benchmarks.contest import Contest
from tests.benchmarks.load import generator
from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.report import show_bounds
from tests.benchmarks.system import running
from tests.integration.shared.redis_server import BINARY, RedisServer

_LIBRARIES = (
    "functions-framework",
    "starlette",
    "fastapi",
    "sqlalchemy",
    "redis",
    "uvicorn",
    "uvloop",
    "httptools",
)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.products", description="Measure the catalog beside other servers."
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each server at each work (default 3)")
    parser.add_argument("--products", type=int, default=2_000, metavar="N")
    parser.add_argument("--quick", action="store_true", help="one round: a look, in a minute")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.seconds, options.products = 1, 2.0, 600
    return options


async def _run(options: argparse.Namespace) -> bool:
    show_machine(_LIBRARIES)
    if BINARY is None:
        raise SystemExit("redis-server is not installed, and this compares caches that are in Redis.")
    redis = RedisServer()
    try:
        with generator() as generating, TemporaryDirectory(prefix="bench-products-") as directory:
            async with running() as system:
                contest = Contest(system, generating, f"redis://{redis.address}", Path(directory))
                rounds = await contest.rounds(options.rounds, options.products, options.seconds)
                imported = await asyncio.to_thread(imports.imports_by_function, system)
    finally:
        redis.stop()
    verdict.show_rounds(rounds)
    imports.show_imports(imported)
    show_load()
    return show_bounds([*verdict.bounds(rounds), *imports.bounds(imported)])


def main() -> int:
    """Measure, print, and judge; the exit status."""
    return 0 if asyncio.run(_run(_options(sys.argv[1:]))) else 1


if __name__ == "__main__":
    sys.exit(main())
