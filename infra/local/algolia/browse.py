"""Walking a whole index: pages in the order of objectID, so that a walk neither repeats nor misses a record.

Algolia ranks browsed records by the custom ranking; here a stable walk under concurrent writes comes first.
"""

import base64
import binascii
import heapq
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import orjson

from .catalog import Catalog
from .errors import bad_request
from .params import Params, Query, build_query, read_params
from .search import Searcher, retrieved
from .store import Index, Store


def read_cursor(params: Params) -> tuple[str, Params]:
    """Where to go on (after this objectID) and the parameters of the walk, which its cursor carries.

    Raises:
        ApiError: 400 for a cursor that is not one of ours.
    """
    cursor = params.get("cursor")
    if not cursor:
        return "", params
    try:
        after, walk = orjson.loads(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, ValueError, TypeError):
        raise bad_request("Invalid cursor") from None
    return after, walk


def _write_cursor(after: str, walk: Params) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([after, walk])).decode()


async def browse(store: Store, catalog: Catalog, index: Index, raw: Mapping[str, Any]) -> dict[str, Any]:
    """One page of a walk; ``cursor`` is in the answer while there is more.

    Raises:
        ApiError: 400 for a wrong parameter or cursor.
    """
    started = perf_counter()
    after, walk = read_cursor(read_params(raw))
    settings = catalog.settings(index)
    query = build_query({**settings, "hitsPerPage": 1000}, walk, {}, raw)
    size = query.hits_per_page
    if query.text or query.filters:
        searcher = Searcher(store, index, settings, await catalog.inverted(index))
        rows, count = _matching_page(store, index, searcher, query, after)
    else:
        rows = store.records_after(index.records_id, after, size + 1)
        count = store.count_entries(index.records_id)
    page = {
        "hits": [retrieved(orjson.loads(data), query.display) for _, data in rows[:size]],
        "page": 0,
        "nbHits": count,
        "nbPages": -(-count // size) if size else 0,
        "hitsPerPage": size,
        "query": query.text,
        "params": query.echo,
        "processingTimeMS": int((perf_counter() - started) * 1000),
    }
    if len(rows) > size > 0:
        page["cursor"] = _write_cursor(rows[size - 1][0], walk)
    return page


def _matching_page(
    store: Store, index: Index, searcher: Searcher, query: Query, after: str
) -> tuple[list[tuple[str, bytes]], int]:
    matching = searcher.object_ids(query)
    following = heapq.nsmallest(query.hits_per_page + 1, (found for found in matching if found > after))
    stored = store.records(index.records_id, following)
    return [(found, stored[found]) for found in following if found in stored], len(matching)
