"""One of our own ASGI applications, served as functions are: ``python -m tests.benchmarks.served NAME PORT``."""

import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

import functions_framework.aio

from infra.local.functions_host import server
from tests.benchmarks import hello
from tests.e2e.harness import ROOT


def _function(entry_point: str, source: str) -> Any:
    return functions_framework.aio.create_asgi_app(target=entry_point, source=str(ROOT / source))


_APPLICATIONS: Mapping[str, Callable[[], Any]] = {
    "products": lambda: _function("products", "main.py"),
    "storefront": lambda: _function("storefront", "main.py"),
    "hello": lambda: _function("hello", "tests/benchmarks/hello.py"),
    "bare": lambda: hello.bare,
}


def main() -> None:
    """Serve until told to stop."""
    name, port = sys.argv[1:]
    app = _APPLICATIONS[name]()
    with socket.create_server(("127.0.0.1", int(port)), backlog=1024) as listener:
        server(app).run(sockets=[listener])


if __name__ == "__main__":
    main()
