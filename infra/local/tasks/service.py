"""The local Cloud Tasks, put together: its gRPC service, its deliveries and what the host asks of it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from infra.local.clock import Clock
from infra.local.delivery import Courier
from infra.local.http_target import TokenMinter
from infra.local.progress import Progress
from infra.local.refusal import answering
from infra.local.rpc import service_handler
from infra.local.tasks.api import QueuesApi, TasksApi
from infra.local.tasks.dispatcher import Dispatcher, Environment
from infra.local.tasks.faults import FaultPlan, parse_fault_plan
from infra.local.tasks.fleet import Fleet
from infra.local.tasks.names import queue_name
from infra.local.tasks.queues import QueueConfig, queue_from
from infra.local.tasks.store import TaskStore
from infra.local.tasks.unreliable import UnreliableCreation


class TasksService:
    """Cloud Tasks on a laptop.

    Delivery is at least once: a task leaves the file when its handler has acknowledged it.

    Args:
        path: the SQLite file that keeps queues and tasks; None keeps them in memory.
        clock: the time that schedules, retries and rates follow.
        mint_token: makes the OIDC tokens; called once for each delivery, so it had better cache them.
    """

    def __init__(self, path: Path | None, clock: Clock, mint_token: TokenMinter) -> None:
        self._clock = clock
        self._store = TaskStore(path)
        self._store.release_names(clock.time())
        self._faults = FaultPlan()
        self._progress = Progress()
        self._courier = Courier()
        self._fleet = Fleet(
            Environment(
                self._store,
                clock,
                self._courier.deliver,
                mint_token,
                lambda: self._faults,
                self._progress.note,
            )
        )
        clock.on_advance(self._on_advance)

    def handler(self) -> grpc.GenericRpcHandler:
        """The gRPC service, to be added to a ``grpc.aio`` server."""
        parts = (QueuesApi, TasksApi)
        methods = [part(self._store, self._fleet, self._clock).methods() for part in parts]
        served = {name: answering(method) for group in methods for name, method in group.items()}
        served["CreateTask"] = UnreliableCreation(served["CreateTask"], lambda: self._faults).serve
        return service_handler(CloudTasksGrpcTransport, served)

    async def start(self) -> None:
        """Begin to deliver, first of all what was cut off."""
        self._fleet.start()

    async def stop(self) -> None:
        """Abandon deliveries; they happen again after the next ``start``, here or in another process.

        Calls are served all the same, until ``close``.
        """
        await self._fleet.stop()
        await self._courier.close()

    async def close(self) -> None:
        """Stop, and close the file."""
        await self.stop()
        self._store.close()

    def ensure_queue(self, project: str, location: str, queue_id: str, config: QueueConfig) -> None:
        """Create the queue, or give an existing one these settings.

        Its tasks, and whether it is paused, stay as they are. Being the operator's word, it also creates a
        queue that was deleted recently.

        Raises:
            Refusal: INVALID_ARGUMENT, a name or setting is out of range.
        """
        queue = queue_from(queue_name(project, location, queue_id), config)
        existing = self._fleet.get(queue.name)
        if existing:
            queue.state = existing.queue.state
            if existing.queue.HasField("purge_time"):
                queue.purge_time.CopyFrom(existing.queue.purge_time)
        self._fleet.save(queue)

    def set_faults(self, settings: Mapping[str, Any]) -> None:
        """Inject faults from now on, as ``faults.parse_fault_plan`` reads them; ``{}`` ends them.

        Raises:
            ValueError: an unknown key, or a value out of range.
        """
        self._faults = parse_fault_plan(settings)

    async def idle(self, timeout: float) -> bool:  # noqa: ASYNC109  # its answer is a bool, not an error
        """Wait until no task is running and none could be.

        Tasks on a paused queue, and on one that rests after a 429 or 503, do not count. False if that is not
        so within ``timeout`` seconds of real time.
        """
        return await self._progress.until(lambda: not self._fleet.busy(), timeout)

    def next_due(self) -> datetime | None:
        """When the next waiting task may be dispatched, over all queues that are not paused."""
        due = self._fleet.next_due()
        return None if due is None else datetime.fromtimestamp(due, UTC)

    def queue_stats(self) -> dict[str, dict[str, int | bool]]:
        """The state of each queue by its full name.

        Now: ``depth`` (all tasks), ``due``, ``running``, ``delayed``, ``paused``. Since the process started:
        ``created``, ``dispatched``, ``succeeded``, ``failed`` (attempts), ``retried``, ``dropped``
        (exhausted) and ``deduplicated``.
        """
        return {dispatcher.queue.name: _stats(dispatcher) for dispatcher in self._fleet}

    def _on_advance(self) -> None:
        self._fleet.wake()
        self._progress.note()


def _stats(dispatcher: Dispatcher) -> dict[str, int | bool]:
    depth = dispatcher.depth()
    return {
        "depth": depth.total,
        "due": depth.due,
        "running": depth.running,
        "delayed": depth.total - depth.running - depth.due,
        "paused": dispatcher.paused,
        **asdict(dispatcher.counters),
    }
