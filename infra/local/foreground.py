"""The local cloud in a terminal: what it does from start to stop, and what it tells the person there."""

import asyncio
import signal
import socket
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from infra.local.data_directory import DataDirectory
from infra.local.demo.groceries import load_groceries
from infra.local.demo.load import (
    DemoError,
    FrontDoor,
    example_search,
    load_products,
    load_returns,
    run_sync,
)
from infra.local.demo.shops import load_market
from infra.local.demo.show import commands, describe_catalog, describe_load, describe_search, describe_sync
from infra.local.demo.show_storefronts import describe_change, describe_storefronts
from infra.local.demo.storefronts import change_prices, load_storefronts
from infra.local.environment import AUDIENCE
from infra.local.options import Options
from infra.local.running import Running, running
from infra.local.supervisor import FunctionsError
from infra.topology import Topology

_SOURCE = Path(__file__).parents[2] / "main.py"
_TOKEN_SECONDS = 600
# How long a start waits for the sync. A later start has little to sync, and what an interrupted run left behind may
# have to wait for its next attempt.
_FIRST_SYNC_SECONDS = 60
_LATER_SYNC_SECONDS = 1


class NoAnswerError(Exception):
    """A function does not answer as it should; the text says where to look."""


def run(options: Options, topology: Topology, directory: DataDirectory, listener: socket.socket) -> int:
    """Serve until SIGINT or SIGTERM. Returns the process's exit status.

    Args:
        listener: of the gateway.
    """
    try:
        uvloop.run(_until_stopped(options, topology, directory, listener))
    except DemoError as error:
        print(f"The start went wrong: {error}. The functions' log says more.", file=sys.stderr)
        return 1
    except NoAnswerError as error:
        print(error, file=sys.stderr)
        return 1
    except FunctionsError as error:
        print(f"The functions cannot be loaded.\n{error}", file=sys.stderr)
        return 1
    return 0


async def _until_stopped(
    options: Options, topology: Topology, directory: DataDirectory, listener: socket.socket
) -> None:
    """Serve until a signal; whatever is being done then is cancelled, and everything stops in order."""
    serving = asyncio.create_task(_serve(options, topology, directory, listener))

    def stop() -> None:
        if not serving.cancelling():  # an impatient second Ctrl-C must not break off the stopping itself
            serving.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()


async def _serve(
    options: Options, topology: Topology, directory: DataDirectory, listener: socket.socket
) -> None:
    async with running(options, topology, _SOURCE, directory, listener) as system:
        _introduce(system, options)
        async with aiohttp.ClientSession(system.base_url) as session:
            await _until_answered(system, session)
            door = FrontDoor(session, _token(system, sub="demo", roles=["ops"]))
            if options.seed == "demo" and not directory.is_seeded():
                await _seed(system, session, door)
                directory.mark_seeded()
            else:
                await _sync_and_search(door, _LATER_SYNC_SECONDS)
        print(f"\n{commands(system.base_url)}\n\nCtrl-C stops it.\nready", flush=True)
        await asyncio.Event().wait()


def _introduce(system: Running, options: Options) -> None:
    firestore = f", Firestore at {options.firestore_host} (yours)" if options.firestore_host else ""
    print(f"Backstock is on {system.base_url}, its data in {_short(options.data_dir)}{firestore}.")
    print(f"Clients in another shell: . {_short(system.environment_file)}")
    print(f"The functions' log:       {_short(system.log)}\n", flush=True)


async def _seed(system: Running, session: aiohttp.ClientSession, door: FrontDoor) -> None:
    """Load the demo, and tell of it.

    Args:
        door: an operator's.
    """
    print(describe_load(await load_returns(door, system.cloud.clock.now().date())), flush=True)
    await _sync_and_search(door, _FIRST_SYNC_SECONDS)
    storefronts = await load_storefronts(door, _grocers_doors(system, session))
    print(f"\n{describe_storefronts(storefronts)}", flush=True)
    print(describe_change(await change_prices(door)), flush=True)
    # Last, since what comes of it goes on for a while, and is not waited for.
    pictures = f"{system.base_url}/_local/pictures"
    catalog = await load_products(_sellers_doors(system, session), pictures)
    print(f"\n{describe_catalog(catalog)}", flush=True)


def _grocers_doors(system: Running, session: aiohttp.ClientSession) -> dict[str, FrontDoor]:
    """Somebody of each grocer."""
    accounts = [grocer.account for grocer in load_groceries().grocers]
    return {
        account: FrontDoor(session, _token(system, sub="demo", account=account, roles=["retailer"]))
        for account in accounts
    }


def _sellers_doors(system: Running, session: aiohttp.ClientSession) -> dict[str, FrontDoor]:
    """A seller of each shop, whose user id is the shop's account."""
    return {
        shop.account: FrontDoor(
            session, _token(system, sub=shop.account, account=shop.account, roles=["seller"])
        )
        for shop in load_market().shops
    }


def _token(system: Running, **claims: Any) -> str:
    return system.cloud.users.mint({"aud": AUDIENCE, **claims}, _TOKEN_SECONDS)


async def _sync_and_search(door: FrontDoor, within: float) -> None:
    print(describe_sync(await run_sync(door, within)), flush=True)
    if example := await example_search(door):
        print(f"\n{describe_search(example)}", flush=True)


async def _until_answered(system: Running, session: aiohttp.ClientSession) -> None:
    """See a function answer through the gateway: without a token it answers 401, which is an answer."""
    name = next(
        name for name, function in system.cloud.topology.functions.items() if function.access == "public"
    )
    async with session.get(f"/{name}") as response:
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswerError(f"The function {name} answers {response.status}; see {_short(system.log)}.")


def _short(path: Path) -> str:
    """A path as a person would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
