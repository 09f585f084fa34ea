"""Somebody who calls ``/products``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.unit.products.examples import content


@dataclass(frozen=True)
class Caller:
    """A client of ``/products`` with one token."""

    http: httpx.Client
    authorization: Mapping[str, str]

    def __call__(
        self, method: str, path: str = "", headers: Mapping[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """Send a request; ``path`` is what comes after ``/products``."""
        own = {**self.authorization, **(headers or {})}
        return self.http.request(method, f"/products{path}", headers=own, **request)

    def create(self, **changes: Any) -> dict[str, Any]:
        """A product of the examples, with ``changes``, as it was answered."""
        return dict(self("POST", json=content(**changes)).raise_for_status().json())
