"""Storefronts, measured: ``python -m tests.benchmarks.storefront`` (``make bench-storefront``).

Prints tables, and ends with status 1 when a claimed bound is broken. docs/performance.md says what they mean.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.report import Bound, show_bounds
from tests.benchmarks.storefront import computing, fleet, main_page, rebuilding
from tests.benchmarks.storefront.driving import storefronts
from tests.benchmarks.storefront.main_page import Times
from tests.benchmarks.storefront.market import Market

_LIBRARIES = ("google-cloud-firestore", "grpcio", "orjson", "pyarrow", "functions-framework", "uvicorn")
# Sells a small part of what the market has.
_SMALL = "corner-shop"


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.storefront", description="Measure feeds to storefronts."
    )
    parser.add_argument("--stores", type=int, nargs="*", default=[10, 100, 1_000], metavar="N")
    parser.add_argument("--repeats", type=int, default=9, help="of each rebuild (default 9)")
    parser.add_argument("--reads", type=int, default=3, help="of the recursive main page (default 3)")
    parser.add_argument("--quick", action="store_true", help="small and once: a look, in half a minute")
    options = parser.parse_args(arguments)
    options.market, options.small = Market(), 2_000
    if options.quick:
        options.stores, options.repeats, options.reads = [5, 20], 2, 1
        options.market, options.small = Market((5, 25, 150), 3_000), 300
    return options


async def _run(options: argparse.Namespace) -> bool:
    show_machine(_LIBRARIES)
    claims = await _one_store(options)
    if options.stores:
        claims += await _many_stores(options)
    show_load()
    return show_bounds(claims)


async def _one_store(options: argparse.Namespace) -> list[Bound]:
    """A large store, and its main page."""
    market, small, repeats = options.market, options.small, options.repeats
    async with storefronts(market) as stores:
        await rebuilding.load(stores, rebuilding.STORE, market.products)
        await rebuilding.load(stores, _SMALL, small)
        sizes = {_SMALL: small, rebuilding.STORE: market.products}
        readings = await main_page.measure(stores, sizes, Times(1_000, options.repeats, options.reads))
        main_page.show_readings(readings)
        computed = await computing.measure(stores, rebuilding.STORE, repeats)
        rebuilds = await rebuilding.measure(stores, repeats)
        rebuilds.append(await rebuilding.measure_removal(stores, min(repeats, 3)))
    rebuilding.show_rebuilds(rebuilds, market.products, len(market.categories))
    computing.show_computed(computed)
    return [*computing.bounds(computed), *rebuilding.bounds(rebuilds), *main_page.bounds(readings)]


async def _many_stores(options: argparse.Namespace) -> list[Bound]:
    async with storefronts(options.market) as stores:
        fleets = await fleet.measure(stores, options.stores, options.small)
    fleet.show_fleets(fleets)
    return fleet.bounds(fleets)


def main() -> int:
    """Measure, print, and judge; the exit status."""
    return 0 if asyncio.run(_run(_options(sys.argv[1:]))) else 1


if __name__ == "__main__":
    sys.exit(main())
