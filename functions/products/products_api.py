"""``/products`` over HTTP: what a request asks, who asks it, and how the answer looks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import GetJsonSchemaHandler, RootModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.products.answers import MAX_KEY, IdempotencyKey, IfMatch, IfNoneMatch, ProductPage
from functions.products.callers import PRIVATE, caller, owner, product_id_of
from functions.products.catalog import Catalog, Written, no_product
from functions.products.idempotency import Claim, IdempotencyKeys
from functions.products.listing import Listing, ProductQuery
from functions.products.model import Product, ProductContent, ProductId, content_of, summary
from functions.products.reading import ProductReader, Rendered, render
from functions.products.supply_chain_state import SupplyChainState, SupplyChainStates
from shared.auth import Authenticator, Principal
from shared.etags import etag, if_match, not_modified
from shared.http import json_response, read_json
from shared.openapi import Answer, Operation
from shared.problems import Problem, validation_problem
from shared.settings import Settings

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncWriteBatch

# A description of 10,000 characters and 20 URLs of 2,048, all of them escaped, and room to spare.
_MAX_PRODUCT_BYTES = 512 * 1024

_MOVED = {
    412: {"version-moved": "The product is at another version than `If-Match` says."},
    428: {"precondition-required": "`If-Match` is missing, on which this deployment insists."},
}
_VERSION = ("Cache-Control", "ETag")


class ProductPatch(RootModel[dict[str, Any]]):
    """A JSON merge patch (RFC 7396): the members to change. The result is judged as a whole."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        content = handler.resolve_ref_schema(handler(ProductContent.__pydantic_core_schema__))
        members = content["properties"]
        resettable = {
            name: {"anyOf": [member, {"type": "null"}]}
            for name, member in members.items()
            if "default" in member
        }
        return content | {"description": cls.__doc__, "properties": members | resettable, "required": []}


@dataclass(frozen=True)
class ProductsApi:
    """``/products``: a seller's own products; operators read and mend anybody's."""

    auth: Authenticator
    catalog: Catalog
    reader: ProductReader
    listing: Listing
    keys: IdempotencyKeys
    supply_chain: SupplyChainStates
    config: Settings

    def routes(self) -> list[Route]:
        return [
            Route("/", self.create, methods=["POST"]),
            Route("/", self.list, methods=["GET"]),
            Route("/{product_id}", self.get, methods=["GET"]),
            Route("/{product_id}", self.replace, methods=["PUT"]),
            Route("/{product_id}", self.patch, methods=["PATCH"]),
            Route("/{product_id}", self.delete, methods=["DELETE"]),
            Route("/{product_id}/supply-chain", self.supply_chain_state, methods=["GET"]),
        ]

    @Operation(
        roles=("seller", "ops"),
        headers={"Idempotency-Key": IdempotencyKey},
        body=ProductContent,
        answers={201: Answer(Product, headers=("ETag", "Location"))},
        problems={
            400: {"malformed-header": "The `Idempotency-Key` is not what one looks like."},
            409: {
                "request-in-flight": "The first request with this `Idempotency-Key` is still being served."
            },
            422: {
                "idempotency-key-reused": "The first request with this `Idempotency-Key` had another body."
            },
        },
    )
    async def create(self, request: Request) -> Response:
        """Add a product; with an ``Idempotency-Key``, at most once in 24 hours."""
        principal = await caller(self.auth, request)
        key = _idempotency_key(request)
        content = await read_json(request, ProductContent, _MAX_PRODUCT_BYTES)
        product_id = self.catalog.new_id()
        if key is None:
            written = await self.catalog.create(
                product_id, principal.subject, content, lambda batch, written: None
            )
            return self._created(_body(written))
        claim = await self.keys.begin(principal.subject, key, content.model_dump_json().encode())
        if isinstance(claim, bytes):
            return self._created(claim)
        return self._created(await self._create_once(claim, product_id, principal.subject, content))

    async def _create_once(
        self, claim: Claim, product_id: str, user_id: str, content: ProductContent
    ) -> bytes:
        def settle(batch: "AsyncWriteBatch", written: Written) -> None:
            self.keys.settle(batch, claim, _body(written))

        try:
            written = await self.catalog.create(product_id, user_id, content, settle)
        except BaseException:
            await self.keys.abandon(claim)
            raise
        return _body(written)

    @Operation(
        roles=("seller", "ops"),
        query=ProductQuery,
        answers={200: Answer(ProductPage, headers=("Cache-Control",))},
    )
    async def list(self, request: Request) -> Response:
        """The caller's products, a page at a time."""
        principal = await caller(self.auth, request)
        page = await self.listing.page(principal.subject, ProductQuery.of(request))
        products = [summary(stored["id"], stored) for stored in page.products]
        return json_response({"products": products, "next_cursor": page.next_cursor}, headers=PRIVATE)

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        headers={"If-None-Match": IfNoneMatch},
        answers={200: Answer(Product, headers=_VERSION), 304: Answer(headers=_VERSION)},
    )
    async def get(self, request: Request) -> Response:
        """One product; 304 when the caller has this version already."""
        principal = await caller(self.auth, request)
        product_id = product_id_of(request)
        product = await self.reader.get(product_id)
        if product is None or not _may_see(principal, product):
            raise no_product(product_id)
        headers = PRIVATE | {"ETag": etag(product.version)}
        if not_modified(request, product.version):
            return Response(status_code=304, headers=headers)
        return Response(product.body, media_type="application/json", headers=headers)

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        headers={"If-Match": IfMatch},
        body=ProductContent,
        answers={200: Answer(Product, headers=_VERSION)},
        problems=_MOVED,
    )
    async def replace(self, request: Request) -> Response:
        """Put a product in the place of what there is."""
        principal = await caller(self.auth, request)
        precondition = self._precondition(request)
        content = await read_json(request, ProductContent, _MAX_PRODUCT_BYTES)
        product_id = product_id_of(request)
        return _written(await self.catalog.replace(product_id, owner(principal), content, precondition))

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        headers={"If-Match": IfMatch},
        body=ProductPatch,
        media_types=("application/merge-patch+json", "application/json"),
        answers={200: Answer(Product, headers=_VERSION)},
        problems=_MOVED,
    )
    async def patch(self, request: Request) -> Response:
        """Change some members of a product, by a JSON merge patch."""
        principal = await caller(self.auth, request)
        precondition = self._precondition(request)
        patch = (await read_json(request, ProductPatch, _MAX_PRODUCT_BYTES)).root
        product_id = product_id_of(request)
        written = await self.catalog.patch(product_id, owner(principal), _merged(patch), precondition)
        return _written(written)

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        headers={"If-Match": IfMatch},
        answers={204: Answer()},
        problems=_MOVED,
    )
    async def delete(self, request: Request) -> Response:
        """Remove a product."""
        principal = await caller(self.auth, request)
        await self.catalog.delete(product_id_of(request), owner(principal), self._precondition(request))
        return Response(status_code=204)

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        answers={200: Answer(SupplyChainState, headers=("Cache-Control",))},
    )
    async def supply_chain_state(self, request: Request) -> Response:
        """What the supply-chain API has of a product, and what became of its latest changes."""
        principal = await caller(self.auth, request)
        product_id = product_id_of(request)
        state = await self.supply_chain.get(product_id, owner(principal))
        if state is None:
            raise no_product(product_id)
        return json_response(state, headers=PRIVATE)

    def _precondition(self, request: Request) -> Callable[[int], None]:
        return if_match(request, required=self.config.products_require_if_match)

    def _created(self, body: bytes) -> Response:
        location = f"{self.config.base_url}/products/{orjson.loads(body)['id']}"
        headers = {"Location": location, "ETag": etag(1)}
        return Response(body, status_code=201, media_type="application/json", headers=headers)


def _may_see(principal: Principal, product: Rendered) -> bool:
    return principal.sees_all_accounts or product.belongs_to(principal.subject)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        detail = f"Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters."
        raise Problem(400, "malformed-header", detail)
    return key


def _merged(patch: dict[str, Any]) -> Callable[[dict[str, Any]], ProductContent]:
    """The content that a patch makes of a stored product; ``null`` resets a member to its default, if it has one."""
    reset = {name for name, value in patch.items() if value is None} & ProductContent.model_fields.keys()

    def merge(stored: dict[str, Any]) -> ProductContent:
        merged = content_of(stored) | patch
        for name in reset:
            del merged[name]
        try:
            return ProductContent.model_validate(merged)
        except ValidationError as error:
            raise validation_problem(error) from error

    return merge


def _written(written: Written) -> Response:
    headers = PRIVATE | {"ETag": etag(written.fields["version"])}
    return Response(_body(written), media_type="application/json", headers=headers)


def _body(written: Written) -> bytes:
    return render(written.product_id, written.fields)
