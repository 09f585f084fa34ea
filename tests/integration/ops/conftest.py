"""The operators' desk: the functions on the local cloud, somebody's token, and letters to deal with."""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared.dead_letters import DeadLetter, DeadLetters

Headers = dict[str, str]


@pytest.fixture
def bearer(cloud: Cloud) -> Callable[..., Headers]:
    """Makes the headers of a user with certain roles."""

    def headers(*roles: str, sub: str = "olga") -> Headers:
        claims = {"aud": AUDIENCE, "sub": sub, "roles": list(roles)}
        return {"Authorization": f"Bearer {cloud.users.mint(claims, 600)}"}

    return headers


@pytest.fixture
async def http(functions: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway, without a token."""
    async with httpx.AsyncClient(base_url=functions, timeout=30) as client:
        yield client


@pytest.fixture
async def olga(functions: str, bearer: Callable[..., Headers]) -> AsyncIterator[httpx.AsyncClient]:
    """An operator."""
    headers = bearer("ops")
    async with httpx.AsyncClient(base_url=f"{functions}/ops", headers=headers, timeout=30) as client:
        yield client


@dataclass
class Letters:
    """Makes letters, a minute after each other, the first one a day ago."""

    db: AsyncClient
    cloud: Cloud
    _numbers: Any = field(default_factory=itertools.count)

    async def add(
        self, queue: str = "returnSyncProcessing", at: datetime | None = None, **members: Any
    ) -> str:
        """A letter's id. Without more, it is about a return that is not there: its replay has no effect."""
        number = next(self._numbers)
        created_at = at or self.cloud.clock.now() + timedelta(days=-1, minutes=number)
        letter = DeadLetter(
            **{
                "key": f"key-{number}",
                "queue": queue,
                "function": "return-update-processing-queue",
                "payload": {"return_id": f"R-{number}", "run_id": "r1"},
                "error": "no such thing",
                "attempts": 30,
            }
            | members
        )
        await DeadLetters(self.db, lambda: created_at).add(letter)
        return letter.id

    async def stored(self, letter_id: str) -> dict[str, Any]:
        """What is kept of a letter."""
        snapshot = await self.db.collection("dead_letters").document(letter_id).get()
        return snapshot.to_dict() or {}


@pytest.fixture
def letters(db: AsyncClient, cloud: Cloud) -> Letters:
    return Letters(db, cloud)
