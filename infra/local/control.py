"""``/_local``: what a person or a test does to the local cloud itself. None of it exists on Google Cloud."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE, FEEDS_PATH, IMAGES_PATH, PICTURES_PATH, bucket_name
from infra.local.fault_switch import FaultSwitch
from infra.local.pictures.routes import Pictures
from infra.local.problems import Problem
from infra.local.task_list import TaskList

_TOKEN_SECONDS = 3600
_LONGEST_TOKEN_SECONDS = 10 * 365 * 86400
_LONGEST_ADVANCE_SECONDS = 10 * 365 * 86400
_FUNCTIONS_SECONDS = 15.0
_IDLE_SECONDS, _LONGEST_IDLE_SECONDS = 30.0, 3600.0


class FunctionsControl(Protocol):
    """What the controls do to the functions process."""

    async def shift_clock(self, offset: float) -> None:
        """Move its clock to ``offset`` seconds ahead of real time."""

    async def kill(self) -> None:
        """End it as a crash would, and wait for its successor."""


class Controls:
    """The handlers of ``/_local``.

    Args:
        keep_offset: remembers the clock's offset for the next start.
    """

    def __init__(
        self,
        cloud: Cloud,
        functions: FunctionsControl,
        faults: FaultSwitch,
        tasks: TaskList,
        keep_offset: Callable[[float], None],
    ) -> None:
        self._cloud = cloud
        self._functions = functions
        self._faults = faults
        self._tasks = tasks
        self._keep_offset = keep_offset
        self._moving = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Every control, buckets for anyone, what stands in for servers of others, and both issuers' documents."""
        return [
            *self._cloud.users.routes("/_local/identity"),
            *self._cloud.platform.routes("/_local/platform"),
            *self._cloud.supply_chain.controls("/_local/supply-chain"),
            *self._cloud.storage.public_routes(IMAGES_PATH, bucket_name("images")),
            *self._cloud.storage.drop_routes(FEEDS_PATH, bucket_name("feeds"), "feeds"),
            *Pictures().routes(PICTURES_PATH),
            web.get("/_local/token", self._token),
            web.post("/_local/schedules/{job}:run", self._run_schedule),
            web.get("/_local/clock", self._clock),
            web.post("/_local/clock:advance", self._advance),
            web.get("/_local/queues", self._queues),
            web.get("/_local/queues/{queue}/tasks", self._queue_tasks),
            web.get("/_local/events", self._events),
            web.post("/_local/idle", self._idle),
            web.get("/_local/faults", self._get_faults),
            web.put("/_local/faults", self._put_faults),
            web.get("/_local/stats", self._stats),
            web.post("/_local/stats:reset", self._reset_stats),
            web.post("/_local/functions:kill", self._kill_functions),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        query = request.query
        if unknown := query.keys() - {"sub", "account", "roles", "ttl"}:
            raise _bad(f"unknown parameter {sorted(unknown)[0]!r}; known are sub, account, roles, ttl")
        if not query.get("sub"):
            raise _bad("sub, the user's id, is missing: /_local/token?sub=ann&account=shop&roles=seller")
        ttl = _number(
            query.get("ttl", _TOKEN_SECONDS), "ttl", -_LONGEST_TOKEN_SECONDS, _LONGEST_TOKEN_SECONDS
        )
        roles = [role for role in query.get("roles", "").split(",") if role]
        claims: dict[str, Any] = {"aud": AUDIENCE, "sub": query["sub"], "roles": roles}
        if query.get("account"):
            claims["account"] = query["account"]
        token = self._cloud.users.mint(claims, ttl)
        if "text/plain" in request.headers.get("Accept", ""):  # for TOKEN=$(curl …)
            return web.Response(text=token)
        return web.json_response({"token": token})

    async def _run_schedule(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        if job not in self._cloud.topology.schedules:
            raise _missing("schedule", job, self._cloud.topology.schedules)
        outcome = await self._cloud.scheduler.run_now(job)
        return web.json_response({"job": job, "status": outcome.http_status, "reason": outcome.reason})

    async def _clock(self, _: web.Request) -> web.Response:
        return web.json_response(self._time())

    async def _advance(self, request: web.Request) -> web.Response:
        body = await _object(request)
        if body.keys() != {"seconds"}:
            raise _bad('the body must be {"seconds": n}')
        seconds = _number(body["seconds"], "seconds", 0, _LONGEST_ADVANCE_SECONDS)
        clock = self._cloud.clock
        async with self._moving:
            offset = clock.offset + seconds
            self._keep_offset(offset)
            try:
                # The functions first: the deliveries that the move sets off are to find the new time there.
                await _in_time(self._functions.shift_clock(offset))
            finally:
                clock.advance(seconds)
        return web.json_response(self._time())

    def _time(self) -> dict[str, Any]:
        clock = self._cloud.clock
        due = self._cloud.next_due()
        return {"now": _rfc3339(clock.now()), "offset": clock.offset, "next_due": due and _rfc3339(due)}

    async def _queues(self, _: web.Request) -> web.Response:
        stats = self._cloud.tasks.queue_stats()
        return web.json_response({name.rsplit("/", 1)[1]: counts for name, counts in stats.items()})

    async def _queue_tasks(self, request: web.Request) -> web.Response:
        queue = request.match_info["queue"]
        if queue not in self._cloud.topology.queues:
            raise _missing("queue", queue, self._cloud.topology.queues)
        return web.json_response(await self._tasks.of(queue))

    async def _events(self, _: web.Request) -> web.Response:
        return web.json_response(self._cloud.events.owed())

    async def _idle(self, request: web.Request) -> web.Response:
        timeout = _number(request.query.get("timeout", _IDLE_SECONDS), "timeout", 0, _LONGEST_IDLE_SECONDS)
        started = time.monotonic()
        idle = await self._cloud.idle(timeout)
        answer = {"idle": idle, "waited_seconds": round(time.monotonic() - started, 3)}
        return web.json_response(answer, status=HTTPStatus.OK if idle else HTTPStatus.GATEWAY_TIMEOUT)

    async def _get_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.document)

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults.set(await _object(request))
        except ValueError as error:
            raise _bad(str(error)) from error
        return web.json_response(self._faults.document)

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self._cloud.stats())

    async def _reset_stats(self, _: web.Request) -> web.Response:
        self._cloud.reset_stats()
        return web.json_response(self._cloud.stats())

    async def _kill_functions(self, _: web.Request) -> web.Response:
        started = time.monotonic()
        await _in_time(self._functions.kill())
        return web.json_response({"back_after_seconds": round(time.monotonic() - started, 3)})


async def _in_time(change: Awaitable[None]) -> None:
    """Wait for the functions process, though not for ever: it may be unable to start."""
    try:
        await asyncio.wait_for(change, _FUNCTIONS_SECONDS)
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "the functions do not come back; see their log"
        ) from error


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise _bad(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise _bad("the body must be a JSON object")
    return body


def _number(value: object, name: str, lowest: float, highest: float) -> float:
    """``value`` as a finite number within bounds; text, which is how a query has it, is read."""
    try:
        number = (
            float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
        )
    except (ValueError, OverflowError):
        number = math.nan
    if not lowest <= number <= highest:
        raise _bad(f"{name} must be a number from {lowest:.0f} to {highest:.0f}, not {value!r}")
    return number


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, detail)


def _missing(kind: str, name: str, known: Any) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, f"there is no {kind} {name!r}", known=sorted(known))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
