"""``/storefront`` over HTTP: what shoppers' pages read, and what a store's people ask for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.storefront import answers
from functions.storefront.answers import IfNoneMatch
from functions.storefront.documents import WHOLE, Kind
from functions.storefront.events import EventBatches
from functions.storefront.generations import Generation, Storefront, rolled_back
from functions.storefront.serving import Serving
from functions.storefront.states import States, no_storefront
from shared.assortments import CategoryId, Sku, StoreId, owner_of
from shared.auth import Authenticator, Role
from shared.etags import etag, not_modified
from shared.http import json_response, read_json, read_optional_json
from shared.openapi import Answer, Operation
from shared.problems import Problem
from shared.storefronts import RebuildRequests

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_MAX_EVENTS = 500
_MAX_EVENTS_BYTES = 256 * 1024
_MAX_BODY_BYTES = 4 * 1024
# More than a store has in a lifetime, and no sum of them is too long for JSON.
_MAX_COUNT = 10**9

BatchId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Times = Annotated[int, Field(ge=0, le=_MAX_COUNT)]
_PEOPLE: tuple[Role, ...] = ("retailer", "ops")
_CONDITIONAL = {"If-None-Match": IfNoneMatch}
_PAGE_HEADERS = ("ETag", "Cache-Control")

_store_ids = TypeAdapter[str](StoreId)
_category_ids = TypeAdapter[str](CategoryId)


class ItemEvents(BaseModel):
    """How often an item was seen and ordered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sku: Sku
    views: Times = 0
    orders: Times = 0


class EventBatch(BaseModel):
    """Events of a store under a name of the sender's: a batch that is sent again is not counted again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_id: BatchId = Field(description="Remembered for 30 days after the batch was counted.")
    events: list[ItemEvents] = Field(min_length=1, max_length=_MAX_EVENTS)


class Rollback(BaseModel):
    """Which generation is to be served again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generation: int | None = Field(
        None, ge=1, description="One that is kept; without it, the one that was served before."
    )


@dataclass(frozen=True)
class StorefrontApi:
    """``/storefront``: reading it needs no token; the rest is for operators and for the retailer whose store it is."""

    db: "AsyncClient"
    auth: Authenticator
    serving: Serving
    states: States
    batches: EventBatches
    requests: RebuildRequests

    def routes(self) -> list[Route]:
        return [
            Route("/{store_id}:rebuild", self.rebuild, methods=["POST"]),
            Route("/{store_id}:rollback", self.rollback, methods=["POST"]),
            Route("/{store_id}:status", self.status, methods=["GET"]),
            Route("/{store_id}", self.main_page, methods=["GET"]),
            Route("/{store_id}/tree", self.tree, methods=["GET"]),
            Route("/{store_id}/categories/{category_id}", self.category, methods=["GET"]),
            Route("/{store_id}/events", self.events, methods=["POST"]),
        ]

    @Operation(
        roles=(),
        path={"store_id": StoreId},
        headers=_CONDITIONAL,
        answers={200: Answer(answers.MainPage, headers=_PAGE_HEADERS), 304: Answer(headers=_PAGE_HEADERS)},
    )
    async def main_page(self, request: Request) -> Response:
        """The main page of a store: its top categories with their best products."""
        return await self._page(request, "TREE0", WHOLE)

    @Operation(
        roles=(),
        path={"store_id": StoreId},
        headers=_CONDITIONAL,
        answers={200: Answer(answers.WholeTree, headers=_PAGE_HEADERS), 304: Answer(headers=_PAGE_HEADERS)},
    )
    async def tree(self, request: Request) -> Response:
        """All categories of a store that have products, as a tree of three levels at most."""
        return await self._page(request, "TREE", WHOLE)

    @Operation(
        roles=(),
        path={"store_id": StoreId, "category_id": CategoryId},
        headers=_CONDITIONAL,
        answers={
            200: Answer(answers.StoreCategory, headers=_PAGE_HEADERS),
            304: Answer(headers=_PAGE_HEADERS),
        },
    )
    async def category(self, request: Request) -> Response:
        """A category of a store with its best products, and its children with theirs.

        Deeper categories than those of the third level have no page: what is in them counts in the one above.
        """
        return await self._page(request, "FETCH", _category_id(request))

    @Operation(
        roles=_PEOPLE,
        path={"store_id": StoreId},
        body=EventBatch,
        answers={202: Answer(answers.EventsAccepted)},
        problems={409: {"batch-differs": "Another batch of this name has been there."}},
    )
    async def events(self, request: Request) -> Response:
        """Take in how often items were seen and ordered; it counts with the next rebuild.

        What is said of items that the store does not sell counts for nothing.
        """
        store_id = await self._own(request)
        batch = await read_json(request, EventBatch, _MAX_EVENTS_BYTES)
        events = [(each.sku, each.views, each.orders) for each in batch.events]
        await self.batches.add(store_id, batch.batch_id, events)
        accepted = {"store_id": store_id, "batch_id": batch.batch_id, "events": len(events)}
        return json_response(accepted, 202)

    @Operation(roles=_PEOPLE, path={"store_id": StoreId}, answers={202: Answer(answers.RebuildRequested)})
    async def rebuild(self, request: Request) -> Response:
        """Ask for a rebuild of a store. Requests for one store coalesce."""
        task = await self.requests.request(await self._own(request))
        return json_response({"store_id": task.store_id, "ticket": task.ticket}, 202)

    @Operation(
        roles=_PEOPLE,
        path={"store_id": StoreId},
        body=Rollback,
        body_required=False,
        answers={200: Answer(answers.StorefrontState)},
        problems={409: {"no-such-generation": "It is not kept, or there is none before."}},
    )
    async def rollback(self, request: Request) -> Response:
        """Serve an earlier generation again, until somebody asks for a rebuild.

        Whoever repeats this without a generation goes back further; with one, nothing changes.
        """
        store_id = await self._own(request)
        asked = await read_optional_json(request, Rollback, _MAX_BODY_BYTES)
        state = await self.states.step(store_id, lambda state, now: rolled_back(state, asked.generation, now))
        return json_response(view(state))

    @Operation(roles=_PEOPLE, path={"store_id": StoreId}, answers={200: Answer(answers.StorefrontState)})
    async def status(self, request: Request) -> Response:
        """Which generation is served, which are kept, and what is asked for."""
        store_id = await self._own(request)
        state = await self.states.get(store_id)
        if state is None:
            raise no_storefront(store_id)
        return json_response(view(state))

    async def _page(self, request: Request, kind: Kind, key: str) -> Response:
        served = await self.serving.read(
            _store_id(request), kind, key, lambda generation: not_modified(request, generation)
        )
        # Whoever keeps it may show it again only after having asked: the pointer can move at any time.
        headers = {"Cache-Control": "public, no-cache", "ETag": etag(served.generation)}
        if served.body is None:
            return Response(status_code=304, headers=headers)
        return Response(served.body, media_type="application/json", headers=headers)

    async def _own(self, request: Request) -> str:
        """The store of the path, if it is the caller's to decide about. One read."""
        principal = await self.auth.user(request)
        principal.require(*_PEOPLE)
        store_id = _store_id(request)
        owner = await owner_of(self.db, store_id)
        if owner is None:
            raise Problem(404, "not-found", f"There is no store {store_id!r}: no feed has had it yet.")
        if principal.tenant() not in (None, owner):
            raise Problem(403, "forbidden", f"{store_id} is another retailer's store.")
        return store_id


def view(state: Storefront) -> dict[str, Any]:
    """A state as the members of :class:`functions.storefront.answers.StorefrontState`."""
    return {
        "store_id": state.store_id,
        "current": state.current,
        "requested": state.requested,
        "built": state.built,
        "building": state.claim and state.claim.generation,
        "generations": [_kept(state.generations[number]) for number in sorted(state.generations)[::-1]],
    }


def _kept(generation: Generation) -> dict[str, Any]:
    return {
        "generation": generation.number,
        "built_at": generation.built_at,
        "retired_at": generation.retired_at,
        "categories_version": generation.categories_version,
        **generation.stats,
    }


def _store_id(request: Request) -> str:
    store_id = str(request.path_params["store_id"])
    try:
        return _store_ids.validate_python(store_id)
    except ValidationError as error:
        # No store can have such an id.
        raise no_storefront(store_id) from error


def _category_id(request: Request) -> str:
    category_id = str(request.path_params["category_id"])
    try:
        return _category_ids.validate_python(category_id)
    except ValidationError as error:
        raise Problem(404, "not-found", f"There is no category {category_id!r}.") from error
