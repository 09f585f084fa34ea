"""A task handler that notes what it was sent and answers as it was told."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """A request as it arrived; header names are as they were sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def task(self) -> str:
        """The task's short name."""
        return self.headers["X-CloudTasks-TaskName"]


class Handler:
    """An HTTP server on a free port. ``answers`` are used up one by one; then every request is answered 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: deque[web.Response | int] = deque()
        self.default: int = 200
        self.before_answer: Callable[[], Awaitable[None]] | None = None
        self.concurrent = 0
        self.most_concurrent = 0
        self.url = ""
        self._arrival = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner
        await self._runner.cleanup()

    async def arrived(self, count: int, within: float = 5.0) -> None:
        """Wait until ``count`` requests have arrived in all."""
        async with asyncio.timeout(within), self._arrival:
            await self._arrival.wait_for(lambda: len(self.received) >= count)

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.received.append(Received(request.method, request.path_qs, dict(request.headers), body))
        async with self._arrival:
            self._arrival.notify_all()
        self.concurrent += 1
        self.most_concurrent = max(self.most_concurrent, self.concurrent)
        try:
            if self.before_answer:
                await self.before_answer()
        finally:
            self.concurrent -= 1
        answer = self.answers.popleft() if self.answers else self.default
        return web.Response(status=answer) if isinstance(answer, int) else answer
