"""CreateTask as it is on a bad day: it answers UNAVAILABLE, before or after it had its effect, or never."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc

from infra.local.rpc import Method
from infra.local.tasks.faults import FaultPlan
from infra.local.tasks.names import short


class UnreliableCreation:
    """Serves CreateTask by ``create``, with the faults of the plan that is set at the moment."""

    def __init__(self, create: Method, fault_plan: Callable[[], FaultPlan]) -> None:
        self._create = create
        self._fault_plan = fault_plan
        self._calls: Counter[str] = Counter()

    async def serve(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        """Answer one call."""
        queue, task = request.parent, request.task.name
        self._calls[task] += 1
        fault = self._fault_plan().choose_creation(short(queue), short(task), self._calls[task])
        if fault == "hang":
            # gRPC cancels this once the caller has given up, or died.
            await asyncio.Event().wait()
        if fault == "error":
            return await _unavailable(context)
        answer = await self._create(request, context)
        return await _unavailable(context) if fault == "lost_answer" else answer


async def _unavailable(context: grpc.aio.ServicerContext) -> Any:
    return await context.abort(grpc.StatusCode.UNAVAILABLE, "Cloud Tasks is out of reach (injected fault)")
