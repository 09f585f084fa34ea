"""The endpoints of the public functions, as their routes and the descriptions beside their handlers have them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode
from starlette.routing import Route

from functions.images.backfill_api import BackfillApi
from functions.ops.actions_api import ActionsApi
from functions.ops.control_api import ControlApi
from functions.ops.dead_letters_api import DeadLettersApi
from functions.ops.health_api import HealthApi
from functions.ops.runs_api import RunsApi
from functions.ops.stores_api import StoresApi
from functions.prices.runs_api import PriceRunsApi
from functions.products.images_api import ProductImagesApi
from functions.products.products_api import ProductsApi
from functions.returns.returns_api import ReturnsApi
from functions.returns.search_api import SearchApi
from functions.storefront.categories_api import CategoriesApi
from functions.storefront.storefront_api import StorefrontApi
from infra.topology import Topology
from shared.openapi import Operation

Model = tuple[type[BaseModel], JsonSchemaMode]
Problems = Mapping[int, Mapping[str, str]]


class Api(Protocol):
    """The HTTP API of one function, or a part of it. Its table of routes must need nothing that the API is given."""

    def routes(self) -> list[Route]:
        """The routes below the function's name."""


APIS: Mapping[str, Sequence[type[Api]]] = {
    "returns": [ReturnsApi],
    "search-order-return-index-data": [SearchApi],
    "products": [ProductsApi, ProductImagesApi],
    "image-backfill": [BackfillApi],
    "price-runs": [PriceRunsApi],
    "storefront": [StorefrontApi],
    "categories": [CategoriesApi],
    "ops": [DeadLettersApi, RunsApi, ControlApi, StoresApi, ActionsApi, HealthApi],
}

_UNAVAILABLE = {503: {"unavailable": "A service behind is out of reach."}}
_NO_ROLE = {
    401: {"unauthorized": "No token, or one that is expired, forged or for somebody else."},
    403: {"forbidden": "The role or the account does not fit."},
}
_NOT_FOUND = {404: {"not-found": "There is none, or none of the caller's."}}
_INVALID = {422: {"validation-failed": "What was sent has the wrong shape; see `errors`."}}
_BAD_BODY = {
    400: {"malformed-json": "The body is not JSON."},
    413: {"body-too-large": "The body is too large."},
    415: {"unsupported-media-type": "The body does not say that it is JSON."},
}


@dataclass(frozen=True)
class Endpoint:
    """A method of a path of a function."""

    function: str
    path: str
    method: str
    handler: Callable[..., Any]
    operation: Operation

    @property
    def id(self) -> str:
        """Its ``operationId``."""
        return f"{self.function.replace('-', '_')}_{self.handler.__name__}"

    @property
    def models(self) -> Iterator[Model]:
        """The models of what it takes and answers."""
        if self.operation.body:
            yield self.operation.body, "validation"
        for answer in self.operation.answers.values():
            if answer.model:
                yield answer.model, "serialization"

    @property
    def problems(self) -> Problems:
        """What it says of its problems, and what follows from the rest that it says; by status and kind."""
        told = self.operation
        following = [told.problems, _UNAVAILABLE]
        following += [_NO_ROLE] if told.roles else []
        following += [_NOT_FOUND] if told.path else []
        following += [_BAD_BODY] if told.body else []
        following += [_INVALID] if told.body or told.query else []
        statuses = sorted({status for problems in following for status in problems})
        return {status: _kinds(status, following) for status in statuses}


def _kinds(status: int, several: list[Problems]) -> dict[str, str]:
    return {kind: text for problems in several for kind, text in problems.get(status, {}).items()}


def endpoints(topology: Topology, apis: Mapping[str, Sequence[type[Api]]]) -> list[Endpoint]:
    """All endpoints of the public functions.

    Raises:
        LookupError: a function or a handler is not described; the text says what to do.
    """
    public = [name for name, function in topology.functions.items() if function.access == "public"]
    if different := set(public) ^ set(apis):
        raise LookupError(f"docs/endpoints.py: APIS must be the public functions; see {sorted(different)}")
    return [endpoint for name in public for api in apis[name] for endpoint in _endpoints(name, api)]


def _endpoints(function: str, api: type[Api]) -> Iterator[Endpoint]:
    # Not initialised: a table of routes needs no services.
    for route in api.__new__(api).routes():
        operation = Operation.of(route.endpoint)
        if operation is None:
            raise LookupError(
                f"{route.endpoint.__qualname__}: describe it with @Operation (shared/openapi.py)"
            )
        path = f"/{function}{route.path.rstrip('/')}"
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield Endpoint(function, path, method.lower(), route.endpoint, operation)
