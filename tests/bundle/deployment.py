"""All functions of the bundle, each in a server process of its own, as Cloud Run has them."""

import asyncio
import re
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from infra.local.cloud import Cloud
from infra.local.gateway import MAX_BODY_BYTES
from infra.local.http_server import HOST, address_of, local_socket, served
from tests.bundle.installed import Installed
from tests.bundle.launch import Launch, environment, signature
from tests.e2e.harness import free_port

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.01
_FUNCTION_AND_REST = re.compile(r"/([^/?]+)/?(.*)", re.DOTALL)
_OF_A_CONNECTION = frozenset(
    ["host", "connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"]
)


@dataclass(frozen=True)
class Exchange:
    """A request as a function got it, without the function's name, and the status of the answer."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes
    status: int


class Deployment:
    """The functions, each started when it is first called: what is behind the local cloud's gateway.

    Attributes:
        exchanges: what each function was asked so far.
    """

    def __init__(self, installed: Installed, directory: Path) -> None:
        self._installed = installed
        self._directory = directory
        self._listener = local_socket()
        self._starting: dict[str, asyncio.Task[str]] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = f"http://{address_of(self._listener)}"
        self.exchanges: defaultdict[str, list[Exchange]] = defaultdict(list)

    async def ready(self, within: float) -> bool:
        """Whether a request can come: it waits itself until its function has started."""
        return True

    async def shift_clock(self, offset: float) -> None:
        raise NotImplementedError("the functions' time is the real one")

    async def kill(self) -> None:
        raise NotImplementedError("there is no single process to kill")

    def launch(self, name: str) -> Launch:
        """How the process of a function starts."""
        function = self._cloud.topology.functions[name]
        return Launch(
            programs=self._installed.programs,
            folder=self._installed.folder,
            target=function.entry_point,
            signature=signature(function),
            environment=environment(self._cloud, function, self._directory),
        )

    def log(self, name: str) -> str:
        """What a function has written."""
        path = self._directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @asynccontextmanager
    async def serving(self, cloud: Cloud) -> AsyncIterator[None]:
        """Pass on requests for ``/{function}/…`` inside the block; no process is left after it."""
        self._cloud = cloud
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", r"/{path:[\s\S]*}", self._pass_on)
        try:
            async with (
                aiohttp.ClientSession(
                    auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
                ) as self._session,
                served(app, self._listener, auto_decompress=False),
            ):
                yield
        finally:
            self.stop()

    def stop(self) -> None:
        """End all processes; each starts again when it is called."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()
        self._processes.clear()
        self._starting.clear()

    async def _pass_on(self, request: web.Request) -> web.Response:
        match = _FUNCTION_AND_REST.fullmatch(request.raw_path)
        assert match, request.raw_path
        name, target = match[1], f"/{match[2]}"
        headers = self._admitted(name, request)
        body = await request.read()
        url = URL(await self._server(name) + target, encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            self.exchanges[name].append(Exchange(request.method, target, headers, body, answer.status))
            return web.Response(
                status=answer.status, headers=_passed_on(answer.headers), body=await answer.read()
            )

    def _admitted(self, name: str, request: web.Request) -> CIMultiDict[str]:
        """The headers of a request once Cloud Run has let it in: of a token that it checked, it hides the signature.

        https://cloud.google.com/run/docs/troubleshooting#signature-removed
        """
        headers = _passed_on(request.headers)
        if self._cloud.topology.functions[name].access != "public":
            unsigned, _, _ = headers["Authorization"].rpartition(".")
            headers["Authorization"] = f"{unsigned}.SIGNATURE_REMOVED_BY_GOOGLE"
        return headers

    async def _server(self, name: str) -> str:
        """The address of a function's process, once that takes connections."""
        if name not in self._starting:
            self._starting[name] = asyncio.create_task(self._start(name))
        return await asyncio.shield(self._starting[name])

    async def _start(self, name: str) -> str:
        port = free_port()
        with (self._directory / f"{name}.log").open("ab") as output:
            process = self.launch(name).start(port, output)
        self._processes.append(process)
        async with asyncio.timeout(_START_SECONDS):
            while process.poll() is None:
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                writer.close()
                return f"http://{HOST}:{port}"
        raise RuntimeError(f"{name} did not start:\n{self.log(name)}")


def _passed_on(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION
    )
