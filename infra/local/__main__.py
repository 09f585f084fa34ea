"""``make run``: the whole system on this machine, in the foreground."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import aiohttp
import uvloop

from infra.local.data_directory import DataDirectory, DataDirectoryError
from infra.local.demo.load import DemoError, FrontDoor, load_demo
from infra.local.demo.show import commands, describe
from infra.local.environment import AUDIENCE
from infra.local.http_server import local_socket
from infra.local.options import OptionError, Options
from infra.local.running import Running, running
from infra.local.supervisor import FunctionsError
from infra.topology import Topology, TopologyError, load

_SOURCE = Path(__file__).parents[2] / "main.py"
_TOKEN_SECONDS = 600


class CannotStart(Exception):
    """The local cloud cannot start; the text tells a person why and what to do."""


def main() -> int:
    """Run until SIGINT or SIGTERM. Returns the process's exit status."""
    try:
        options = Options.from_environment(os.environ)
        topology = load()
        listener = _listen(options.port)
        directory = DataDirectory(options.data_dir)
        uvloop.run(_until_stopped(options, topology, directory, listener))
    except (CannotStart, OptionError, TopologyError, DataDirectoryError, DemoError) as error:
        print(error, file=sys.stderr)
        return 1
    except FunctionsError as error:
        print(f"The functions cannot be loaded.\n{error}", file=sys.stderr)
        return 1
    return 0


def _listen(port: int) -> socket.socket:
    try:
        return local_socket(port)
    except OSError as error:
        other = port + 1 if port < 65535 else 8080
        raise CannotStart(
            f"Port {port} cannot be used ({error.strerror}). Take another one: PORT={other} make run"
        ) from error


async def _until_stopped(
    options: Options, topology: Topology, directory: DataDirectory, listener: socket.socket
) -> None:
    """Serve until a signal; whatever is being done then is cancelled, and everything stops in order."""
    serving = asyncio.create_task(_serve(options, topology, directory, listener))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()


async def _serve(
    options: Options, topology: Topology, directory: DataDirectory, listener: socket.socket
) -> None:
    started = time.perf_counter()
    async with running(options, topology, _SOURCE, directory, listener) as system:
        _introduce(system, options)
        if options.seed == "demo" and not directory.is_seeded():
            await _seed(system)
            directory.mark_seeded()
        print(
            f"\n{commands(system.base_url)}\n\nUp in {time.perf_counter() - started:.1f} s. Ctrl-C stops it."
        )
        print("ready", flush=True)
        await asyncio.Event().wait()


def _introduce(system: Running, options: Options) -> None:
    firestore = f", Firestore at {options.firestore_host} (yours)" if options.firestore_host else ""
    print(f"Backstock is on {system.base_url}, its data in {_short(options.data_dir)}{firestore}.")
    print(f"Clients in another shell: . {_short(system.environment_file)}")
    print(f"The functions' log:       {_short(system.log)}\n", flush=True)


async def _seed(system: Running) -> None:
    claims = {"aud": AUDIENCE, "sub": "demo", "roles": ["ops"]}
    token = system.cloud.users.mint(claims, _TOKEN_SECONDS)
    async with aiohttp.ClientSession(system.base_url) as session:
        report = await load_demo(FrontDoor(session, token), system.cloud.clock.now().date())
    print(describe(report), flush=True)


def _short(path: Path) -> str:
    """A path as a person would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
