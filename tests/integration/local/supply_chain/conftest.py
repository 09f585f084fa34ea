"""The partner, served on a port of its own, and a client that sends it what it is to get."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy

from infra.local.clock import Clock
from infra.local.http_server import address_of, local_socket, served
from infra.local.problems import problems
from infra.local.supply_chain import SupplyChainService

KEY = "partner-key"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    text: str
    json: Any


def event(product_id: str, version: int, **changes: Any) -> dict[str, Any]:
    """A message as the partner wants it."""
    product = {"product_name": f"Boots {version}", "product_price": "12.50", "currency": "EUR"}
    kind = "product:created" if version == 1 else "product:updated"
    stated = {"id": product_id, "version": version, "type": kind, "product": product}
    return {**stated, "occurred_at": "2026-03-01T10:00:00Z", **changes}


def deletion(product_id: str, version: int) -> dict[str, Any]:
    return event(product_id, version, type="product:deleted", product=None)


@dataclass(frozen=True)
class Partner:
    """A running service, its API and its controls."""

    service: SupplyChainService
    clock: Clock
    api: ClientSession
    inspection: ClientSession

    async def post(self, body: dict[str, Any], key: str = "", path: str = "") -> Answer:
        """Post a message to its product's path, with the key that the product's sender would take."""
        headers = {"Idempotency-Key": key or f"{body['id']}:{body['version']}"}
        return await self.ask("POST", path or f"/products/{body['id']}", json=body, headers=headers)

    async def get(self, product_id: str) -> Answer:
        return await self.ask("GET", f"/products/{product_id}")

    async def ask(self, method: str, path: str, **request: Any) -> Answer:
        async with self.api.request(method, path, **request) as response:
            text = await response.text()
            try:
                return Answer(response.status, response.headers, text, await response.json(content_type=None))
            except ValueError:
                return Answer(response.status, response.headers, text, None)

    async def inspect(self, path: str) -> Any:
        async with self.inspection.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def visits(self, product_id: str) -> list[dict[str, Any]]:
        """The requests for a product that the journal has."""
        found: list[dict[str, Any]] = (await self.inspect(f"/requests?product={product_id}"))["requests"]
        return found


@asynccontextmanager
async def serving(path: Path | None = None) -> AsyncIterator[Partner]:
    clock = Clock()
    service = SupplyChainService(path, clock, KEY)
    controls = web.Application(middlewares=[problems])
    controls.add_routes(service.controls(""))
    ours, beside = local_socket(), local_socket()
    async with (
        served(service.app(), ours),
        served(controls, beside),
        ClientSession(f"http://{address_of(ours)}", headers={"Authorization": f"Bearer {KEY}"}) as api,
        ClientSession(f"http://{address_of(beside)}") as inspection,
    ):
        yield Partner(service, clock, api, inspection)
    service.close()


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    async with serving() as running:
        yield running
