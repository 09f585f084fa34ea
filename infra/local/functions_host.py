"""The functions process: serves every function of the topology through Functions Framework, each below its name.

Run by :mod:`infra.local.supervisor` as ``python -m infra.local.functions_host LISTENER CONTROL``, the numbers of
two inherited sockets. The control socket speaks JSON lines both ways. The first line to come in is the
:class:`Assignment`; each later one is ``{"offset": seconds}``, by how much the clock is ahead of real time. Each offset
is acknowledged by the same line once it holds; the first acknowledgement says that the functions are loaded.
When the control socket closes, whoever supervised is gone, and this process ends.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO, TypedDict

import functions_framework.aio
import time_machine
import uvicorn

# The gateway keeps idle connections for less than this: whoever sends the requests is to close them.
KEEP_ALIVE_SECONDS = 600
_GRACE_SECONDS = 1


class Assignment(TypedDict):
    """What a functions process is to serve: ``functions`` maps names to entry points in the file ``source``."""

    source: str
    functions: dict[str, str]
    offset: float


class ShiftedTime:
    """This process's wall clock, as every library in it sees it, shifted against real time."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._traveller: time_machine.Traveller | None = None

    def shift_to(self, offset: float) -> None:
        """Run ``offset`` seconds ahead. Without an offset time is left alone: shifted calls are slower."""
        delta = offset - self._offset
        self._offset = offset
        if self._traveller is not None:
            self._traveller.shift(delta)
        elif delta:
            self._traveller = time_machine.travel(time.time() + delta, tick=True).start()
            time.time()  # the traveller's time begins to run with its first reading


def functions_app(source: str, functions: Mapping[str, str]) -> Any:
    """An ASGI application with each function below ``/<name>``.

    A function sees the path without its own name, as on cloudfunctions.net.

    Args:
        source: path of the main.py to deploy.
        functions: entry points by function name.
    """
    apps = {
        name: functions_framework.aio.create_asgi_app(target=entry_point, source=source)  # type: ignore[no-untyped-call]
        for name, entry_point in functions.items()
    }
    # Functions Framework has added the source's directory for each: an import that fails looks in all of them.
    sys.path[:] = dict.fromkeys(sys.path)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        _, name, *path = scope["path"].split("/", 2)
        _, _, *raw_path = scope["raw_path"].split(b"/", 2)
        inner = {**scope, "path": "/" + "".join(path), "raw_path": b"/" + b"".join(raw_path)}
        await apps[name](inner, receive, send)

    return app


def server(app: Any) -> uvicorn.Server:
    """A uvicorn server for ``app``; it leaves logging to the functions."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _obey(orders: TextIO, answers: TextIO, clock: ShiftedTime) -> None:
    """Move the clock when told to. A thread of its own, since a function may be blocking the event loop."""
    for line in orders:
        clock.shift_to(json.loads(line)["offset"])
        _acknowledge(answers, line)
    os._exit(0)


def _acknowledge(answers: TextIO, line: str) -> None:
    answers.write(line)
    answers.flush()


def main() -> None:
    """Serve until told to stop."""
    listener, control_socket = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    # A file for each way: writing to a text file throws away what has been read ahead from it.
    orders, answers = (control_socket.makefile(mode, encoding="ascii") for mode in ("r", "w"))
    assignment: Assignment = json.loads(orders.readline())
    clock = ShiftedTime()
    clock.shift_to(assignment["offset"])
    app = functions_app(assignment["source"], assignment["functions"])
    _acknowledge(answers, json.dumps({"offset": assignment["offset"]}) + "\n")
    threading.Thread(target=_obey, args=(orders, answers, clock), daemon=True).start()
    server(app).run(sockets=[listener])


if __name__ == "__main__":
    main()
