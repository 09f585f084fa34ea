"""The REST API: each handler reads a request, checks the key's permissions, and answers JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from infra.local.clock import Clock

from .browse import browse
from .catalog import Catalog, timestamp
from .errors import ApiError, bad_request, not_implemented
from .keys import Access, Keys
from .params import Query, build_query, read_params
from .records import Operation, object_id_of, parse_operation
from .search import Searcher, retrieved
from .store import Index, Store

ACCESS = web.RequestKey("access", Access)


def answer(body: Any, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


async def _json(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise bad_request(f"Invalid JSON: {error}") from None


async def _object(request: web.Request) -> dict[str, Any]:
    body = await _json(request)
    if not isinstance(body, dict):
        raise bad_request("Invalid body: expected a JSON object")
    return body


def _flag(request: web.Request, name: str, default: bool) -> bool:
    return request.query.get(name, str(default)).lower() == "true"


def _access(request: web.Request, acl: str, index: str | None = None) -> Access:
    access: Access = request[ACCESS]
    access.require(acl)
    if index is not None:
        access.require_index(index)
    return access


class Routes:
    """The handlers, over one catalog."""

    def __init__(self, store: Store, catalog: Catalog, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._store = store
        self._catalog = catalog
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """Every implemented path; fixed paths come before those with an index's name in their place."""
        one = "/1/indexes/{index}"
        return [
            web.get("/1/indexes", self._list),
            web.get("/1/keys/{key}", self._get_key),
            web.post("/1/indexes/*/batch", self._multiple_batch),
            web.post("/1/indexes/*/queries", self._queries),
            web.post("/1/indexes/*/objects", self._get_objects),
            web.post(f"{one}/batch", self._batch),
            web.post(f"{one}/query", self._search),
            web.get(one, self._search),
            web.post(one, self._save),
            web.delete(one, self._delete),
            web.post(f"{one}/clear", self._clear),
            web.post(f"{one}/deleteByQuery", self._delete_by),
            web.post(f"{one}/operation", self._operation),
            web.get(f"{one}/settings", self._get_settings),
            web.put(f"{one}/settings", self._set_settings),
            web.get(f"{one}/task/{{task}}", self._task),
            web.get("/1/task/{task}", self._task),
            web.post(f"{one}/browse", self._browse),
            web.get(f"{one}/browse", self._browse),
            web.post(f"{one}/facets/{{facet}}/query", self._facet_values),
            web.post(f"{one}/{{object}}/partial", self._partial_update),
            web.get(f"{one}/{{object}}", self._get_object),
            web.put(f"{one}/{{object}}", self._put_object),
            web.delete(f"{one}/{{object}}", self._delete_object),
        ]

    # Writes

    async def _write(self, index: str, operation: Operation) -> int:
        self._catalog.counters.write_requests += 1
        tasks = await self._catalog.write({index: [operation]})
        return tasks[index]

    async def _batch(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        operations = self._operations(request, (await _object(request)).get("requests"), index)[index]
        self._catalog.counters.write_requests += 1
        tasks = await self._catalog.write({index: operations})
        return answer({"taskID": tasks[index], "objectIDs": _object_ids(operations)})

    async def _multiple_batch(self, request: web.Request) -> web.Response:
        batches = self._operations(request, (await _object(request)).get("requests"), None)
        self._catalog.counters.write_requests += 1
        tasks = await self._catalog.write(batches)
        ids = [object_id for operations in batches.values() for object_id in _object_ids(operations)]
        return answer({"taskID": tasks, "objectIDs": ids})

    def _operations(
        self, request: web.Request, requests: Any, index: str | None
    ) -> dict[str, list[Operation]]:
        """A batch's operations by index: all valid and permitted, or an error."""
        if not isinstance(requests, list) or not all(isinstance(entry, dict) for entry in requests):
            raise bad_request("Invalid batch: expected an array of requests")
        batches: dict[str, list[Operation]] = {} if index is None else {index: []}
        limit = self._catalog.limits.record_size_limit
        for position, entry in enumerate(requests):
            name = entry.get("indexName") if index is None else index
            if not isinstance(name, str):
                raise bad_request(f"indexName is missing at position {position}", position=position)
            operation = parse_operation(position, entry.get("action"), entry.get("body"), limit)
            _access(request, _WRITE_ACL.get(operation.action, "addObject"), name)
            batches.setdefault(name, []).append(operation)
        if not requests and index is not None:
            _access(request, "addObject", index)
        return batches

    async def _save(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        _access(request, "addObject", index)
        operation = self._one("addObject", await _object(request))
        task = await self._write(index, operation)
        return answer({"taskID": task, "objectID": operation.object_id, "createdAt": self._now()}, status=201)

    async def _put_object(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "addObject")
        operation = self._one("updateObject", {**await _object(request), "objectID": object_id})
        return self._updated(await self._write(index, operation), object_id)

    async def _partial_update(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "addObject")
        create = _flag(request, "createIfNotExists", default=True)
        action = "partialUpdateObject" if create else "partialUpdateObjectNoCreate"
        operation = self._one(action, {**await _object(request), "objectID": object_id})
        return self._updated(await self._write(index, operation), object_id)

    async def _delete_object(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "deleteObject")
        task = await self._write(index, Operation("deleteObject", object_id))
        return answer({"taskID": task, "deletedAt": self._now()})

    def _one(self, action: str, body: dict[str, Any]) -> Operation:
        return parse_operation(0, action, body, self._catalog.limits.record_size_limit)

    def _target(self, request: web.Request, acl: str) -> tuple[str, str]:
        index = request.match_info["index"]
        _access(request, acl, index)
        return index, request.match_info["object"]

    def _now(self) -> str:
        return timestamp(self._clock.time())

    def _updated(self, task: int, object_id: str | None = None) -> web.Response:
        body = {"taskID": task, "updatedAt": self._now()}
        return answer(body if object_id is None else {**body, "objectID": object_id})

    async def _delete_by(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        _access(request, "deleteIndex", index)
        raw = await _object(request)
        found = self._catalog.require(index)
        query = build_query({}, read_params(raw), {}, raw)
        if not query.filters:
            raise bad_request("deleteByQuery: empty filters are not allowed")
        searcher = Searcher(
            self._store, found, self._catalog.settings(found), await self._catalog.inverted(found)
        )
        operations = [Operation("deleteObject", object_id) for object_id in searcher.object_ids(query)]
        self._catalog.counters.write_requests += 1
        return self._updated((await self._catalog.write({index: operations}))[index])

    async def _clear(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        _access(request, "deleteIndex", index)
        self._catalog.require(index)
        return self._updated(await self._write(index, Operation("clear")))

    async def _delete(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        _access(request, "deleteIndex", index)
        self._catalog.counters.write_requests += 1
        return answer({"taskID": self._catalog.delete(index), "deletedAt": self._now()})

    async def _operation(self, request: web.Request) -> web.Response:
        index, body = request.match_info["index"], await _object(request)
        destination = body.get("destination")
        if not isinstance(destination, str):
            raise bad_request("destination is missing")
        _access(request, "addObject", index).require_index(destination)
        self._catalog.counters.write_requests += 1
        match body.get("operation"):
            case "copy":
                return self._updated(self._catalog.copy(index, destination, body.get("scope")))
            case "move":
                return self._updated(self._catalog.move(index, destination))
        raise bad_request("operation must be copy or move")

    async def _set_settings(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        _access(request, "editSettings", index)
        self._catalog.counters.write_requests += 1
        forward = _flag(request, "forwardToReplicas", default=False)
        return self._updated(self._catalog.set_settings(index, await _object(request), forward))

    # Reads

    async def _list(self, request: web.Request) -> web.Response:
        _access(request, "listIndexes")
        self._catalog.counters.other_reads += 1
        items = self._catalog.listing()
        if "page" not in request.query:
            return answer({"items": items, "nbPages": 1})
        page, size = int(request.query["page"]), int(request.query.get("hitsPerPage", "100"))
        return answer({"items": items[page * size : (page + 1) * size], "nbPages": -(-len(items) // size)})

    async def _get_key(self, request: web.Request) -> web.Response:
        _access(request, "admin")
        self._catalog.counters.other_reads += 1
        key = request.match_info["key"]
        return answer(
            {"value": key, "createdAt": 0, "acl": sorted(self._keys.acl_of(key) - {"admin"}), "validity": 0}
        )

    async def _get_settings(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        _access(request, "settings", index)
        self._catalog.counters.other_reads += 1
        return answer(self._catalog.shown_settings(self._catalog.require(index)))

    async def _task(self, request: web.Request) -> web.Response:
        _access(request, "addObject", request.match_info.get("index"))
        self._catalog.counters.other_reads += 1
        task = request.match_info["task"]
        if not task.isdigit():
            raise bad_request("taskID must be an integer")
        return answer(self._catalog.task_status(int(task)))

    async def _get_object(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "search")
        self._catalog.counters.other_reads += 1
        record = self._catalog.record(index, object_id)
        attributes = request.query.get("attributesToRetrieve")
        return answer(self._visible(request, index, record, attributes))

    async def _get_objects(self, request: web.Request) -> web.Response:
        requests = (await _object(request)).get("requests")
        if not isinstance(requests, list):
            raise bad_request("requests must be an array")
        self._catalog.counters.other_reads += 1
        return answer({"results": [self._one_of_many(request, entry) for entry in requests]})

    def _one_of_many(self, request: web.Request, entry: Mapping[str, Any]) -> dict[str, Any] | None:
        index, object_id = str(entry.get("indexName")), object_id_of(entry.get("objectID"))
        _access(request, "search", index)
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
        return retrieved(record, build_query(settings, read_params(wanted), {}, {}))

    # Searches

    async def _search(self, request: web.Request) -> web.Response:
        raw = dict(request.query) if request.method == "GET" else await _object(request)
        index = request.match_info["index"]
        access = _access(request, "search", index)
        self._catalog.counters.search_requests += 1
        return answer(await self._searched(access, index, _without_credentials(raw)))

    async def _queries(self, request: web.Request) -> web.Response:
        body = await _object(request)
        requests, strategy = body.get("requests"), body.get("strategy", "none")
        if not isinstance(requests, list) or not all(isinstance(entry, dict) for entry in requests):
            raise bad_request("requests must be an array")
        self._catalog.counters.search_requests += 1
        results: list[dict[str, Any]] = []
        for entry in requests:
            index = str(entry.get("indexName"))
            access = _access(request, "search", index)
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
        found: Index = self._catalog.require(index)
        settings = self._catalog.settings(found)
        query = build_query(settings, read_params(raw), read_params(access.search_params), raw)
        return Searcher(self._store, found, settings, await self._catalog.inverted(found)), query

    async def _facet_values(self, request: web.Request) -> web.Response:
        index, facet = request.match_info["index"], request.match_info["facet"]
        access = _access(request, "search", index)
        self._catalog.counters.search_requests += 1
        return answer(await self._facet_hits(access, index, facet, await _object(request)))

    async def _facet_hits(
        self, access: Access, index: str, facet: str, raw: dict[str, Any]
    ) -> dict[str, Any]:
        searcher, query = await self._prepared(access, index, raw)
        return searcher.facet_values(query, facet)

    async def _browse(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        access = _access(request, "browse", index)
        self._catalog.counters.browse_requests += 1
        raw = dict(request.query) if request.method == "GET" else await _object(request)
        found = self._catalog.require(index)
        params = read_params(_without_credentials(raw))
        page = await browse(self._store, self._catalog, found, params, read_params(access.search_params), raw)
        return answer(page)


_WRITE_ACL = {"deleteObject": "deleteObject", "delete": "deleteIndex", "clear": "deleteIndex"}


def _object_ids(operations: list[Operation]) -> list[str]:
    return [operation.object_id for operation in operations if operation.object_id]


def _without_credentials(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if not name.lower().startswith("x-algolia-")}


def _params(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("indexName", "type", "facet")}


def _is_full(result: Mapping[str, Any]) -> bool:
    return bool(len(result.get("hits", ())) >= result.get("hitsPerPage", 1))
