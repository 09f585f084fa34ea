"""The handlers that change something."""

from typing import Any

from aiohttp import web

from infra.local.clock import Clock

from .catalog import Catalog, timestamp
from .errors import bad_request
from .http import allowed, answer, flag, read_object, requests_in
from .params import build_query, read_params
from .records import Operation, parse_operation
from .search import Searcher
from .store import Store

_ACL_OF_ACTION = {"deleteObject": "deleteObject", "delete": "deleteIndex", "clear": "deleteIndex"}


class WriteRoutes:
    """Records, settings, and whole indices."""

    def __init__(self, store: Store, catalog: Catalog, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """Fixed paths come before those with an index's name in their place."""
        one = "/1/indexes/{index}"
        return [
            web.post("/1/indexes/*/batch", self._multiple_batch),
            web.post(f"{one}/batch", self._batch),
            web.post(one, self._save),
            web.delete(one, self._delete),
            web.post(f"{one}/clear", self._clear),
            web.post(f"{one}/deleteByQuery", self._delete_by),
            web.post(f"{one}/operation", self._operation),
            web.put(f"{one}/settings", self._set_settings),
            web.post(f"{one}/{{object}}/partial", self._partial_update),
            web.put(f"{one}/{{object}}", self._put_object),
            web.delete(f"{one}/{{object}}", self._delete_object),
        ]

    async def _write(self, index: str, operation: Operation) -> int:
        self._catalog.counters.write_requests += 1
        tasks = await self._catalog.write({index: [operation]})
        return tasks[index]

    async def _batch(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "addObject", index)
        entries = [{**entry, "indexName": index} for entry in requests_in(await read_object(request))]
        operations = [operation for _, operation in self._operations(request, entries)]
        self._catalog.counters.write_requests += 1
        tasks = await self._catalog.write({index: operations})
        return answer({"taskID": tasks[index], "objectIDs": _object_ids(operations)})

    async def _multiple_batch(self, request: web.Request) -> web.Response:
        operations = self._operations(request, requests_in(await read_object(request)))
        batches: dict[str, list[Operation]] = {}
        for index, operation in operations:
            batches.setdefault(index, []).append(operation)
        self._catalog.counters.write_requests += 1
        tasks = await self._catalog.write(batches)
        return answer({"taskID": tasks, "objectIDs": _object_ids([operation for _, operation in operations])})

    def _operations(self, request: web.Request, entries: list[dict[str, Any]]) -> list[tuple[str, Operation]]:
        """A batch's operations, each with its index: all valid and permitted, or an error."""
        operations = []
        for position, entry in enumerate(entries):
            index = entry.get("indexName")
            if not isinstance(index, str):
                raise bad_request(f"indexName is missing at position {position}", position=position)
            limit = self._catalog.limits.record_size_limit
            operation = parse_operation(position, entry.get("action"), entry.get("body"), limit)
            allowed(request, _ACL_OF_ACTION.get(operation.action, "addObject"), index)
            operations.append((index, operation))
        return operations

    async def _save(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "addObject", index)
        operation = self._one("addObject", await read_object(request))
        task = await self._write(index, operation)
        return answer({"taskID": task, "objectID": operation.object_id, "createdAt": self._now()}, status=201)

    async def _put_object(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "addObject")
        operation = self._one("updateObject", {**await read_object(request), "objectID": object_id})
        return self._updated(await self._write(index, operation), object_id)

    async def _partial_update(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "addObject")
        create = flag(request, "createIfNotExists", default=True)
        action = "partialUpdateObject" if create else "partialUpdateObjectNoCreate"
        operation = self._one(action, {**await read_object(request), "objectID": object_id})
        return self._updated(await self._write(index, operation), object_id)

    async def _delete_object(self, request: web.Request) -> web.Response:
        index, object_id = self._target(request, "deleteObject")
        task = await self._write(index, Operation("deleteObject", object_id))
        return answer({"taskID": task, "deletedAt": self._now()})

    def _one(self, action: str, body: dict[str, Any]) -> Operation:
        return parse_operation(0, action, body, self._catalog.limits.record_size_limit)

    def _target(self, request: web.Request, acl: str) -> tuple[str, str]:
        index = request.match_info["index"]
        allowed(request, acl, index)
        return index, request.match_info["object"]

    def _now(self) -> str:
        return timestamp(self._clock.time())

    def _updated(self, task: int, object_id: str | None = None) -> web.Response:
        body = {"taskID": task, "updatedAt": self._now()}
        return answer(body if object_id is None else {**body, "objectID": object_id})

    async def _delete_by(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "deleteIndex", index)
        raw = await read_object(request)
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
        allowed(request, "deleteIndex", index)
        self._catalog.require(index)
        return self._updated(await self._write(index, Operation("clear")))

    async def _delete(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "deleteIndex", index)
        self._catalog.counters.write_requests += 1
        return answer({"taskID": self._catalog.delete(index), "deletedAt": self._now()})

    async def _operation(self, request: web.Request) -> web.Response:
        index, body = request.match_info["index"], await read_object(request)
        destination = body.get("destination")
        if not isinstance(destination, str):
            raise bad_request("destination is missing")
        allowed(request, "addObject", index).require_index(destination)
        self._catalog.counters.write_requests += 1
        match body.get("operation"):
            case "copy":
                return self._updated(self._catalog.copy(index, destination, _scopes(body.get("scope"))))
            case "move":
                return self._updated(await self._catalog.move(index, destination))
        raise bad_request("operation must be copy or move")

    async def _set_settings(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        allowed(request, "editSettings", index)
        self._catalog.counters.write_requests += 1
        forward = flag(request, "forwardToReplicas", default=False)
        return self._updated(self._catalog.set_settings(index, await read_object(request), forward))


def _object_ids(operations: list[Operation]) -> list[str]:
    return [operation.object_id for operation in operations if operation.object_id]


def _scopes(value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request("scope must be an array of strings")
    return frozenset(value)
