"""``/ops/stores`` and ``/ops/products/{id}/images`` over HTTP: what other functions know, in one place."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.answers import BackfillBegun
from functions.ops.operators import operator
from functions.ops.stores import ProductImages, Stores
from shared.assortments import StoreId
from shared.auth import Authenticator
from shared.http import json_response, read_optional_json
from shared.openapi import Answer, AnswerBody, Operation
from shared.problems import Problem

_MAX_BODY_BYTES = 4 * 1024
_STORE = {"store_id": StoreId}
ProductId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]
_PRODUCT = {"product_id": ProductId}

_product_ids = TypeAdapter[str](ProductId)


class OneGeneration(BaseModel):
    """Which generation of a store is to be served again."""

    model_config = ConfigDict(extra="forbid")

    generation: int | None = Field(
        None, ge=1, description="One that is kept; without it, the one that was served before."
    )


class StoreStatus(AnswerBody):
    """A store, as the function `storefront` answers."""

    status: dict[str, Any] = Field(description="As `GET /storefront/{store_id}:status`.")
    tree: dict[str, Any] | None = Field(
        description="As `GET /storefront/{store_id}/tree`; null if nothing is served."
    )


class StoreAnswer(AnswerBody):
    """What became of it, as the function `storefront` answers."""

    store: dict[str, Any]


class ImagesOfProduct(AnswerBody):
    """A product and its images, as the function `products` answers."""

    product: dict[str, Any] = Field(description="As `GET /products/{product_id}`.")
    images: list[dict[str, Any]] = Field(description="As `GET /products/{product_id}/images`.")


@dataclass(frozen=True)
class StoresApi:
    """Stores and images of products: for operators only."""

    auth: Authenticator
    stores: Stores
    images: ProductImages

    def routes(self) -> list[Route]:
        return [
            Route("/stores/{store_id}:rollback", self.rollback, methods=["POST"]),
            Route("/stores/{store_id}:rebuild", self.rebuild, methods=["POST"]),
            Route("/stores/{store_id}", self.store, methods=["GET"]),
            Route("/products/{product_id}/images:render", self.render, methods=["POST"]),
            Route("/products/{product_id}/images", self.product_images, methods=["GET"]),
        ]

    @Operation(roles=("ops",), path=_STORE, answers={200: Answer(StoreStatus)})
    async def store(self, request: Request) -> Response:
        """What is served of a store, which generations are kept, and its tree."""
        caller = await operator(self.auth, request)
        store_id = request.path_params["store_id"]
        status, tree = await asyncio.gather(
            self.stores.status(store_id, caller.token), self._tree(store_id, caller.token)
        )
        return json_response({"status": status, "tree": tree})

    @Operation(
        roles=("ops",),
        path=_STORE,
        body=OneGeneration,
        body_required=False,
        answers={200: Answer(StoreAnswer)},
        problems={409: {"no-such-generation": "It is not kept, or there is none before."}},
    )
    async def rollback(self, request: Request) -> Response:
        """Serve an earlier generation of a store again, until somebody asks for a rebuild."""
        caller = await operator(self.auth, request)
        asked = await read_optional_json(request, OneGeneration, _MAX_BODY_BYTES)
        store_id = request.path_params["store_id"]
        store = await self.stores.rollback(store_id, asked.generation, caller.who, caller.token)
        return json_response({"store": store})

    @Operation(roles=("ops",), path=_STORE, answers={202: Answer(StoreAnswer)})
    async def rebuild(self, request: Request) -> Response:
        """Ask for a rebuild of a store."""
        caller = await operator(self.auth, request)
        store = await self.stores.rebuild(request.path_params["store_id"], caller.who, caller.token)
        return json_response({"store": store}, 202)

    @Operation(roles=("ops",), path=_PRODUCT, answers={200: Answer(ImagesOfProduct)})
    async def product_images(self, request: Request) -> Response:
        """A product with its images as they are shown, and how far each of them is."""
        caller = await operator(self.auth, request)
        product_id = _product_id(request)
        product, states = await asyncio.gather(
            self.images.product(product_id, caller.token), self.images.states(product_id, caller.token)
        )
        return json_response({"product": product, "images": states["images"]})

    @Operation(roles=("ops",), path=_PRODUCT, answers={202: Answer(BackfillBegun)})
    async def render(self, request: Request) -> Response:
        """Render all images of a product again."""
        caller = await operator(self.auth, request)
        begun = await self.images.render(_product_id(request), caller.who, caller.token)
        return json_response(begun, 202)

    async def _tree(self, store_id: str, token: str) -> Mapping[str, Any] | None:
        try:
            return await self.stores.tree(store_id, token)
        except Problem as problem:
            if problem.status == 404:
                return None
            raise


def _product_id(request: Request) -> str:
    product_id = str(request.path_params["product_id"])
    try:
        return _product_ids.validate_python(product_id)
    except ValidationError as error:
        # No product can have such an id.
        raise Problem(404, "not-found", f"There is no product {product_id[:100]!r}.") from error
