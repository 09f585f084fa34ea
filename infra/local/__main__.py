"""``make run``: the whole system on this machine, in the foreground."""

import os
import socket
import sys

from infra.local.data_directory import DataDirectory, DataDirectoryError
from infra.local.options import OptionError, Options
from infra.topology import TopologyError, load


class PortError(Exception):
    """The gateway's port cannot be had; the text says what to do."""


class EmulatorError(Exception):
    """The emulator that the environment names does not answer; the text says what to do."""


def main() -> int:
    """Run until SIGINT or SIGTERM. Returns the process's exit status."""
    try:
        options = Options.from_environment(os.environ)
        topology = load()
        _see_answer(options.firestore_host)
        listener = _listen(options.port)
        directory = DataDirectory(options.data_dir)
    except (OptionError, TopologyError, EmulatorError, PortError, DataDirectoryError) as error:
        print(error, file=sys.stderr)
        return 1
    # Google's libraries take most of a second to import; a mistyped option need not wait for them.
    from infra.local.foreground import run

    return run(options, topology, directory, listener)


def _see_answer(firestore_host: str) -> None:
    """Fail now rather than hang later, when the variable is left over from an emulator that is gone."""
    if not firestore_host:
        return
    host, _, port = firestore_host.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except (OSError, ValueError) as error:
        raise EmulatorError(
            f"FIRESTORE_EMULATOR_HOST is {firestore_host}, where no emulator answers. Start it, or unset the variable "
            "to use the Firestore that comes with Backstock."
        ) from error


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        other = port + 1 if port < 65535 else 8080
        raise PortError(
            f"Port {port} cannot be used ({error.strerror}). Take another one: PORT={other} make run"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
