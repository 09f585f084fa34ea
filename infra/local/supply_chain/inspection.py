"""What the partner has and has seen, for the controls of the local cloud: no fault touches it."""

from http import HTTPStatus

from aiohttp import web

from infra.local.problems import Problem

from .journal import Journal
from .routes import answer
from .store import Store


class Inspection:
    """Reads the store and the journal."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def routes(self, path: str) -> list[web.RouteDef]:
        """The handlers, below ``path``."""
        return [
            web.get(f"{path}/requests", self._requests),
            web.get(f"{path}/products", self._products),
            web.get(f"{path}/products/{{id}}", self._product),
        ]

    async def _requests(self, request: web.Request) -> web.Response:
        if unknown := request.query.keys() - {"product"}:
            raise Problem(HTTPStatus.BAD_REQUEST, f"unknown parameter {min(unknown)!r}; known is product")
        visits = self._journal.visits(request.query.get("product"))
        return answer({"requests": visits, "forgotten": self._journal.forgotten})

    async def _products(self, _: web.Request) -> web.Response:
        return answer({"products": [taken.as_dict() for taken in self._store.products()]})

    async def _product(self, request: web.Request) -> web.Response:
        product_id = request.match_info["id"]
        taken = self._store.recent(product_id)
        if taken is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"the partner has no product {product_id!r}")
        return answer(taken.as_dict())
