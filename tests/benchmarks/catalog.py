"""A catalog of products on one server, and the requests that a seller makes there, as bytes to be sent."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import httpx
import orjson

from tests.benchmarks.load import Generator, Job

_PAGE = 100
_FILL_SECONDS = 60.0

# About 1 KB as an answer.
_PRODUCT = orjson.dumps(
    {
        "product_name": "Merino hiking socks, grey, size 42 to 44",
        "product_description": "Soft, warm, and dry again by morning. " * 11,
        "product_price": "18.90",
        "currency": "EUR",
        "product_images": [f"https://images.example.com/socks/merino-grey-{view}.jpg" for view in range(3)],
    }
)


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """An HTTP/1.1 request, with what clients usually say of themselves."""
    usual = {"Host": "127.0.0.1", "User-Agent": "benchmark/1", "Accept": "application/json"}
    lines = [f"{name}: {value}\r\n" for name, value in (usual | dict(headers or {})).items()]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body


@dataclass(frozen=True)
class Catalog:
    """One seller's products on one server.

    Attributes:
        root: the path of the list; each product is below it.
        token: what the seller sends with each request.
        spare_tokens: just as good.
        ids: of products at version 1.
    """

    root: str
    token: str
    spare_tokens: Sequence[str]
    ids: Sequence[str] = ()

    def read(self, which: slice) -> list[bytes]:
        """Read some products, each once."""
        return [self._get(product_id) for product_id in self.ids[which]]

    def read_with_new_tokens(self, which: slice) -> list[bytes]:
        """Read some products over and over, each time with another of the spare tokens."""
        return [
            self._get(product_id, Authorization=f"Bearer {token}")
            for product_id, token in zip(itertools.cycle(self.ids[which]), self.spare_tokens, strict=False)
        ]

    def ask_whether_changed(self, which: slice) -> list[bytes]:
        """Read some products that the seller has already, each once."""
        return [self._get(product_id, **{"If-None-Match": '"1"'}) for product_id in self.ids[which]]

    def page(self) -> list[bytes]:
        """List the newest hundred products."""
        return [request("GET", f"{self.root}?limit={_PAGE}", self._authorization())]

    def create(self) -> list[bytes]:
        """Add a product."""
        headers = {"Content-Type": "application/json", "Content-Length": str(len(_PRODUCT))}
        return [request("POST", self.root, self._authorization() | headers, _PRODUCT)]

    def _get(self, product_id: str, **headers: str) -> bytes:
        path = f"{self.root.rstrip('/')}/{product_id}"
        return request("GET", path, self._authorization() | headers)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def filled(catalog: Catalog, port: int, size: int, generator: Generator) -> Catalog:
    """The empty ``catalog`` with ``size`` products in it."""
    await generator.run(Job(port, catalog.create() * size, status=201))
    headers, ids, cursor = {"Authorization": f"Bearer {catalog.token}"}, [], None
    async with httpx.AsyncClient(headers=headers, timeout=_FILL_SECONDS, trust_env=False) as client:
        while len(ids) < size:
            query = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            answer = await client.get(f"http://127.0.0.1:{port}{catalog.root}", params=query)
            page = answer.raise_for_status().json()
            ids += [product["id"] for product in page["products"]]
            cursor = page["next_cursor"]
    return replace(catalog, ids=ids)
