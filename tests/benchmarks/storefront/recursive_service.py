"""The recursive way as a service: ``GET /{store_id}`` is its main page, with what ours has.

``uvicorn tests.benchmarks.storefront.recursive_service:app``; with ``?parents=1`` a query asks about one category.
"""

import asyncio
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from google.cloud.firestore import AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.storefront.ranking import Prior
from functions.storefront.views import BEST
from shared.money import decimal_string
from tests.benchmarks.storefront.market import CURRENCY
from tests.benchmarks.storefront.recursive import MOST_PARENTS, Document, Node, RecursiveStorefront


@cache
def _db() -> AsyncClient:
    return AsyncClient(project=os.environ["GOOGLE_CLOUD_PROJECT"])


def main_page(tops: list[Node], prior: Prior) -> bytes:
    """The departments with their best products and the names of their children, without what is empty."""
    return orjson.dumps({"categories": [_top(node, prior) for node in _sold(tops)]})


def _top(node: Node, prior: Prior) -> Document:
    ranked = sorted(
        node.all_items(), key=lambda item: (-prior.rating(item["views"], item["orders"]), item["sku"])
    )
    children = [_brief(child) for child in _sold(node.children)]
    return _brief(node) | {"best": [_product(item) for item in ranked[:BEST]], "children": children}


def _sold(nodes: list[Node]) -> Iterator[Node]:
    named = sorted(nodes, key=lambda node: (node.name.lower(), node.id))
    return (node for node in named if any(node.all_items()))


def _brief(node: Node) -> Document:
    return {"id": node.id, "name": node.name, "products": sum(1 for _ in node.all_items())}


def _product(item: Document) -> Document:
    price = decimal_string(item["cents"], CURRENCY)
    return {"sku": item["sku"], "name": item["name"], "price": price, "currency": CURRENCY}


async def _get(request: Request) -> Response:
    parents = int(request.query_params.get("parents", MOST_PARENTS))
    storefront, store_id = RecursiveStorefront(_db(), parents), request.path_params["store_id"]
    tops, prior = await asyncio.gather(storefront.tree(store_id), storefront.prior(store_id))
    return Response(main_page(tops, prior), media_type="application/json")


app: Any = Starlette(routes=[Route("/{store_id}", _get)])
