"""The whole local cloud: stand-ins, functions process and front door, started and stopped in order."""

import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.clock import Clock
from infra.local.cloud import Cloud, local_cloud
from infra.local.data_directory import DataDirectory
from infra.local.environment import metadata_environment
from infra.local.front import front_app
from infra.local.http_server import address_of, served
from infra.local.options import Options
from infra.local.supervisor import Supervisor
from infra.topology import Topology

# What must not leak from a developer's shell into functions that run on local data.
_NOT_INHERITED = ("GOOGLE_APPLICATION_CREDENTIALS", "K_SERVICE", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE")


@dataclass(frozen=True)
class Running:
    """Attributes:
    environment_file: to be sourced by whoever wants to reach this local cloud.
    log: the functions' output.
    """

    cloud: Cloud
    base_url: str
    environment_file: Path
    log: Path


@asynccontextmanager
async def running(
    options: Options, topology: Topology, source: Path, directory: DataDirectory, listener: socket.socket
) -> AsyncIterator[Running]:
    """Everything, from the moment it answers.

    Args:
        source: the main.py whose functions run.
        listener: of the gateway.

    Raises:
        FunctionsError: the functions cannot be loaded.
    """
    clock = Clock(directory.clock_offset())
    base_url = f"http://{address_of(listener)}"
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(
            local_cloud(topology, directory.path, clock, directory.keys(), base_url, options.firestore_host)
        )
        log = directory.start_log()
        supervisor = Supervisor(
            {
                "source": str(source),
                "functions": {name: function.entry_point for name, function in topology.functions.items()},
                "offset": clock.offset,
            },
            _functions_environment(cloud, directory.path),
            log,
            report=lambda text: print(text, file=sys.stderr, flush=True),
            echo=_echo if options.log_to_terminal else None,
        )
        stack.push_async_callback(supervisor.stop)
        await supervisor.start()
        app = await stack.enter_async_context(front_app(cloud, supervisor, directory.keep_clock_offset))
        await stack.enter_async_context(served(app, listener, auto_decompress=False))
        await cloud.start_deliveries()
        stack.push_async_callback(cloud.stop_deliveries)
        yield Running(cloud, base_url, directory.write_environment(cloud.environment), log)


def _functions_environment(cloud: Cloud, directory: Path) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    no_credentials = directory / "no-credentials"
    no_credentials.mkdir(exist_ok=True)
    return {
        **inherited,
        **cloud.environment,
        **metadata_environment(cloud.addresses, str(no_credentials)),
        "PLATFORM_TOKENS_CHECKED": "true",  # by the gateway
        "PYTHONUNBUFFERED": "1",  # what it has logged must survive its being killed
    }


def _echo(output: bytes) -> None:
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()
