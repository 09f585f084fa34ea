"""The handlers that only read: records, searches, settings, tasks."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .browse import browse
from .catalog import Catalog
from .errors import ApiError, bad_request, not_implemented
from .http import ACCESS, allowed, answer, read_object, requests_in, without_credentials
from .keys import Access, Keys
from .params import Query, build_query, read_params
from .records import object_id_of
from .search import Searcher, retrieved
from .store import Store


class ReadRoutes:
    """Records, searches, settings, tasks and keys."""

    def __init__(self, store: Store, catalog: Catalog, keys: Keys) -> None:
        self._store = store
        self._catalog = catalog
        self._keys = keys

    def table(self) -> list[web.RouteDef]:
        """Fixed paths come before those with an index's name in their place."""
        one = "/1/indexes/{index}"
        return [
            web.get("/1/indexes", self._list),
            web.get("/1/keys/{key}", self._get_key),
            web.post("/1/indexes/*/queries", self._queries),
            web.post("/1/indexes/*/objects", self._get_objects),
            web.post(f"{one}/query", self._search),
            web.get(one, self._search),
            web.get(f"{one}/settings", self._get_settings),
            web.get(f"{one}/task/{{task}}", self._task),
            web.get("/1/task/{task}", self._task),
            web.post(f"{one}/browse", self._browse),
            web.get(f"{one}/browse", self._browse),
            web.post(f"{one}/facets/{{facet}}/query", self._facet_values),
            web.get(f"{one}/{{object}}", self._get_object),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        allowed(request, "listIndexes")
        self._catalog.counters.other_reads += 1
        items = self._catalog.listing()
        if "page" not in request.query:
            return answer({"items": items, "nbPages": 1})
        given = read_params({"hitsPerPage": "100", **without_credentials(request.query)})
        page, size = given["page"], max(1, given["hitsPerPage"])
        return answer({"items": items[page * size : (page + 1) * size], "nbPages": -(-len(items) // size)})

    async def _get_key(self, request: web.Request) -> web.Response:
        allowed(request, "admin")
        self._catalog.counters.other_reads += 1
        key = request.match_info["key"]
        return answer(
            {"value": key, "createdAt": 0, "acl": sorted(self._keys.acl_of(key) - {"admin"}), "validity": 0}
        )

    async def _get_settings(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "settings", index)
        self._catalog.counters.other_reads += 1
        return answer(self._catalog.shown_settings(self._catalog.require(index)))

    async def _task(self, request: web.Request) -> web.Response:
        allowed(request, "addObject", request.match_info.get("index"))
        self._catalog.counters.other_reads += 1
        task = request.match_info["task"]
        if not task.isdecimal() or len(task) > 18:
            raise bad_request("taskID must be an integer")
        return answer(self._catalog.task_status(int(task)))

    async def _get_object(self, request: web.Request) -> web.Response:
        index, object_id = request.match_info["index"], request.match_info["object"]
        allowed(request, "search", index)
        self._catalog.counters.other_reads += 1
        record = self._catalog.record(index, object_id)
        attributes = request.query.get("attributesToRetrieve")
        return answer(self._visible(request, index, record, attributes))

    async def _get_objects(self, request: web.Request) -> web.Response:
        requests = requests_in(await read_object(request))
        self._catalog.counters.other_reads += 1
        return answer({"results": [self._one_of_many(request, entry) for entry in requests]})

    def _one_of_many(self, request: web.Request, entry: Mapping[str, Any]) -> dict[str, Any] | None:
        index, object_id = str(entry.get("indexName")), object_id_of(entry.get("objectID"))
        allowed(request, "search", index)
        try:
            record = self._catalog.record(index, object_id)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return self._visible(request, index, record, entry.get("attributesToRetrieve"))

    def _visible(
        self, request: web.Request, index: str, record: dict[str, Any], attributes: Any
    ) -> dict[str, Any]:
        access: Access = request[ACCESS]
        if access.search_params:
            raise not_implemented("getting records with a secured key that carries search parameters")
        wanted = {} if attributes is None else {"attributesToRetrieve": attributes}
        settings = dict(self._catalog.settings(self._catalog.require(index)))
        if "admin" in access.acl:
            settings.pop("unretrievableAttributes", None)
        settings.pop("attributesToRetrieve", None)
        return retrieved(record, build_query(settings, read_params(wanted), {}, {}).display)

    async def _search(self, request: web.Request) -> web.Response:
        raw = without_credentials(request.query) if request.method == "GET" else await read_object(request)
        index = request.match_info["index"]
        access = allowed(request, "search", index)
        self._catalog.counters.search_requests += 1
        return answer(await self._searched(access, index, raw))

    async def _queries(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        requests, strategy = requests_in(body), body.get("strategy", "none")
        self._catalog.counters.search_requests += 1
        results: list[dict[str, Any]] = []
        for entry in requests:
            index = str(entry.get("indexName"))
            access = allowed(request, "search", index)
            enough = strategy == "stopIfEnoughMatches" and results and _is_full(results[-1])
            if enough:
                results.append({"hits": [], "nbHits": 0, "processed": False, "index": index})
            elif entry.get("type") == "facet":
                results.append(await self._facet_hits(access, index, str(entry.get("facet")), _params(entry)))
            else:
                results.append(await self._searched(access, index, _params(entry)))
        return answer({"results": results})

    async def _searched(self, access: Access, index: str, raw: dict[str, Any]) -> dict[str, Any]:
        searcher, query = await self._prepared(access, index, raw)
        return await searcher.search(query)

    async def _prepared(self, access: Access, index: str, raw: dict[str, Any]) -> tuple[Searcher, Query]:
        found = self._catalog.require(index)
        settings = self._catalog.settings(found)
        query = build_query(settings, read_params(raw), read_params(access.search_params), raw)
        return Searcher(self._store, found, settings, await self._catalog.inverted(found)), query

    async def _facet_values(self, request: web.Request) -> web.Response:
        index, facet = request.match_info["index"], request.match_info["facet"]
        access = allowed(request, "search", index)
        self._catalog.counters.search_requests += 1
        return answer(await self._facet_hits(access, index, facet, await read_object(request)))

    async def _facet_hits(
        self, access: Access, index: str, facet: str, raw: dict[str, Any]
    ) -> dict[str, Any]:
        searcher, query = await self._prepared(access, index, raw)
        return searcher.facet_values(query, facet)

    async def _browse(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "browse", index)
        self._catalog.counters.browse_requests += 1
        raw = without_credentials(request.query) if request.method == "GET" else await read_object(request)
        found = self._catalog.require(index)
        return answer(await browse(self._store, self._catalog, found, raw))


def _params(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("indexName", "type", "facet")}


def _is_full(result: Mapping[str, Any]) -> bool:
    return bool(len(result.get("hits", ())) >= result.get("hitsPerPage", 1))
