"""A whole shop on the bundle: the local cloud, with nothing but the bundle's processes behind its gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.local.clock import Clock
from infra.local.cloud import Cloud, local_cloud
from infra.local.environment import AUDIENCE
from infra.local.front import front_app
from infra.local.http_server import address_of, local_socket, served
from infra.local.keys import Keys
from infra.topology import load
from tests.bundle.deployment import Deployment
from tests.bundle.installed import Installed

_TOKEN_SECONDS = 3600
_IDLE_SECONDS = 120


@dataclass(frozen=True)
class Shop:
    """What people and the platform do."""

    cloud: Cloud
    deployment: Deployment
    http: httpx.AsyncClient

    async def ask(
        self, method: str, path: str, roles: str = "ops", *, expect: int = 200, **request: Any
    ) -> Any:
        """The JSON of an answer to a user's request; None if it is empty.

        Raises:
            AssertionError: its status is another than ``expect``.
        """
        claims = {"aud": AUDIENCE, "sub": "olga", "account": "acme", "roles": roles.split(",")}
        headers = {"Authorization": f"Bearer {self.cloud.users.mint(claims, _TOKEN_SECONDS)}"}
        answer = await self.http.request(method, path, headers=headers, **request)
        assert answer.status_code == expect, (
            f"{method} {path}: {answer.status_code} {answer.text}{self.logs(path)}"
        )
        return answer.json() if answer.content else None

    async def run(self, schedule: str) -> None:
        """Have Cloud Scheduler run a job, and wait until nothing more comes of it."""
        ran = await self.ask("POST", f"/_local/schedules/{schedule}:run")
        target = self.cloud.topology.schedules[schedule].target
        assert ran["status"] == 200, f"{schedule}: {ran}\n{self.deployment.log(target)}"
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until no task and no event is under way."""
        await self.ask("POST", f"/_local/idle?timeout={_IDLE_SECONDS}")

    def logs(self, path: str) -> str:
        """What the function behind ``path`` has written."""
        return "\n" + self.deployment.log(path.split("/")[1])

    def check_served(self, room: str) -> None:
        """See that all functions of a room have done work, and none has failed at any.

        Raises:
            AssertionError: one was not called, or has answered with an error.
        """
        for name, function in self.cloud.topology.functions.items():
            if function.room == room:
                statuses = [exchange.status for exchange in self.deployment.exchanges[name]]
                assert statuses, f"{name} was not called"
                assert max(statuses) < 300, f"{name} answered {statuses}:\n{self.deployment.log(name)}"


@asynccontextmanager
async def open_shop(installed: Installed, directory: Path) -> AsyncIterator[Shop]:
    """An empty shop; its functions write logs to ``directory``."""
    listener = local_socket()
    base_url = f"http://{address_of(listener)}"
    deployment = Deployment(installed, directory)
    async with (
        local_cloud(load(), None, Clock(), Keys.generate(), base_url) as cloud,
        front_app(cloud, deployment, lambda offset: None) as app,
        served(app, listener, auto_decompress=False),
        deployment.serving(cloud),
        httpx.AsyncClient(base_url=base_url, timeout=_IDLE_SECONDS, trust_env=False) as http,
    ):
        await cloud.start_deliveries()
        yield Shop(cloud, deployment, http)
        await cloud.stop_deliveries()
