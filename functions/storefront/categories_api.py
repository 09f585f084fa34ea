"""``/categories`` over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.storefront.category_changes import CategoryChanges, Changed, Refused, no_category
from functions.storefront.category_model import (
    BatchPut,
    CategoryBatch,
    CategoryContent,
    CategoryPage,
    CategoryPlace,
    CategoryQuery,
    IfMatch,
    IfNoneMatch,
    page,
    place,
)
from functions.storefront.shards import Shards
from functions.storefront.tree import TreeRefusal
from shared.assortments import CategoryId
from shared.auth import Authenticator
from shared.etags import etag, if_match, not_modified
from shared.http import json_response, read_json
from shared.openapi import Answer, Operation
from shared.problems import Problem

# 500 names of 200 characters, all of them escaped, and room to spare.
_MAX_BATCH_BYTES = 2 * 1024 * 1024
_MAX_CATEGORY_BYTES = 16 * 1024
# As many as help a person.
_MAX_ERRORS = 50

# A cache may keep it, but asks each time whether it has changed.
_CACHING = {"Cache-Control": "private, no-cache"}
_VERSION = ("Cache-Control", "ETag")
_MOVED = {412: {"version-moved": "The tree is at another version than `If-Match` says."}}
_NO_TREE = {
    "category-cycle": "A category would be below itself; the detail has the loop.",
    "category-orphan": "There is no such parent; the detail has the path.",
    "category-wrong-level": "The level is not the one below the parent's; the detail has the path with its levels.",
    "category-too-deep": "It, or what moves with it, would be below the last level that there may be.",
    "too-many-categories": "The tree would be larger than it may be.",
}
_REPEATED = {"category-repeated": "A category is there more than once."}
_HAS_CHILDREN = {"category-has-children": "Something is below it; the detail has the path."}

# The field that is at fault, by the kind of refusal; the body as a whole for others.
_FIELDS = {
    "cycle": "parent_id",
    "orphan": "parent_id",
    "too-deep": "parent_id",
    "wrong-level": "level",
    "repeated": "id",
}

_category_ids = TypeAdapter[str](CategoryId)


@dataclass(frozen=True)
class CategoriesApi:
    """``/categories``: operators change the tree, retailers read it. Its ``ETag`` is that of the whole tree."""

    auth: Authenticator
    shards: Shards
    changes: CategoryChanges

    def routes(self) -> list[Route]:
        return [
            Route("/", self.list, methods=["GET"]),
            Route("/batch", self.put_batch, methods=["POST"]),
            Route("/{category_id}", self.put, methods=["PUT"]),
            Route("/{category_id}", self.get, methods=["GET"]),
            Route("/{category_id}", self.delete, methods=["DELETE"]),
        ]

    @Operation(
        roles=("retailer", "ops"),
        query=CategoryQuery,
        headers={"If-None-Match": IfNoneMatch},
        answers={200: Answer(CategoryPage, headers=_VERSION), 304: Answer(headers=_VERSION)},
    )
    async def list(self, request: Request) -> Response:
        """All categories, by id, a page at a time."""
        await self._reader(request)
        query = CategoryQuery.of(request)
        if known := await self._known(request):
            return known
        stored = await self.shards.read()
        return json_response(page(stored.tree, query), headers=_tagged(stored.version))

    @Operation(
        roles=("retailer", "ops"),
        path={"category_id": CategoryId},
        headers={"If-None-Match": IfNoneMatch},
        answers={200: Answer(CategoryPlace, headers=_VERSION), 304: Answer(headers=_VERSION)},
    )
    async def get(self, request: Request) -> Response:
        """One category, with the path to it and what is right below it."""
        await self._reader(request)
        category_id = _category_id(request)
        if known := await self._known(request):
            return known
        stored = await self.shards.read()
        category = stored.tree.get(category_id)
        if category is None:
            raise no_category(category_id)
        return json_response(place(stored.tree, category), headers=_tagged(stored.version))

    @Operation(
        roles=("ops",),
        path={"category_id": CategoryId},
        headers={"If-Match": IfMatch},
        body=CategoryContent,
        answers={
            200: Answer(CategoryPlace, headers=_VERSION),
            201: Answer(CategoryPlace, headers=_VERSION),
        },
        problems={**_MOVED, 409: _NO_TREE},
    )
    async def put(self, request: Request) -> Response:
        """Create, rename or move one category, and all that is below it; 201 when it is new."""
        await self._operator(request)
        category_id = _category_id(request)
        check = if_match(request, required=False)
        content = await read_json(request, CategoryContent, _MAX_CATEGORY_BYTES)
        try:
            changed = await self.changes.put([content.placement(category_id)], check)
        except Refused as error:
            raise _refused(error.refusals, {category_id: ""}) from error
        return _placed(changed, category_id)

    @Operation(
        roles=("ops",),
        headers={"If-Match": IfMatch},
        body=CategoryBatch,
        answers={200: Answer(BatchPut, headers=_VERSION)},
        problems={**_MOVED, 409: _NO_TREE, 422: _REPEATED},
    )
    async def put_batch(self, request: Request) -> Response:
        """Put up to 500 categories in the tree, in whatever order; all of them, or none if one cannot be."""
        await self._operator(request)
        check = if_match(request, required=False)
        entries = (await read_json(request, CategoryBatch, _MAX_BATCH_BYTES)).categories
        try:
            changed = await self.changes.put([each.placement(each.id) for each in entries], check)
        except Refused as error:
            places = {each.id: f"categories[{number}]." for number, each in enumerate(entries)}
            raise _refused(error.refusals, places) from error
        counts = {"created": len(changed.created), "changed": len(changed.changed - changed.created)}
        return json_response(counts, headers=_tagged(changed.version))

    @Operation(
        roles=("ops",),
        path={"category_id": CategoryId},
        headers={"If-Match": IfMatch},
        answers={204: Answer()},
        problems={**_MOVED, 409: _HAS_CHILDREN},
    )
    async def delete(self, request: Request) -> Response:
        """Remove a category that has nothing below it."""
        await self._operator(request)
        try:
            await self.changes.remove(_category_id(request), if_match(request, required=False))
        except Refused as error:
            raise _refused(error.refusals, {}) from error
        return Response(status_code=204)

    async def _known(self, request: Request) -> Response | None:
        """The answer to who has this version of the tree already: one read."""
        if "if-none-match" not in request.headers:
            return None
        version = await self.shards.version()
        return Response(status_code=304, headers=_tagged(version)) if not_modified(request, version) else None

    async def _reader(self, request: Request) -> None:
        (await self.auth.user(request)).require("retailer", "ops")

    async def _operator(self, request: Request) -> None:
        (await self.auth.user(request)).require("ops")


def _category_id(request: Request) -> str:
    category_id = str(request.path_params["category_id"])
    try:
        return _category_ids.validate_python(category_id)
    except ValidationError as error:
        # No category can have such an id.
        raise no_category(category_id) from error


def _placed(changed: Changed, category_id: str) -> Response:
    *_, category = changed.tree.path(category_id)
    status = 201 if category_id in changed.created else 200
    return json_response(place(changed.tree, category), status, _tagged(changed.version))


def _tagged(version: int) -> dict[str, str]:
    return _CACHING | {"ETag": etag(version)}


def _refused(refusals: Sequence[TreeRefusal], places: Mapping[str, str]) -> Problem:
    """The answer to a change that was refused.

    Args:
        places: where in the body each category is, as what comes before the names of its fields.
    """
    first = refusals[0]
    errors = [
        {"field": places[each.category_id] + _FIELDS[each.kind], "detail": each.detail}
        for each in refusals[:_MAX_ERRORS]
        if each.kind in _FIELDS
    ]
    status = 422 if first.kind == "repeated" else 409
    return Problem(status, f"category-{first.kind}", first.detail, errors=errors)
