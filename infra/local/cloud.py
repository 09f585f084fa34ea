"""The stand-ins of the local cloud, put together and running in this process."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
from aiohttp import web

from infra.local.algolia.service import AlgoliaService
from infra.local.clock import Clock
from infra.local.environment import (
    ALGOLIA_APP_ID,
    EVENTS_SERVICE_ACCOUNT,
    FUNCTIONS_SERVICE_ACCOUNT,
    PROJECT,
    Addresses,
    client_environment,
)
from infra.local.eventarc.service import EventarcService
from infra.local.firestore.service import FirestoreService
from infra.local.firestore.usage import Usage
from infra.local.http_server import HOST, address_of, local_socket, served
from infra.local.identity import Issuer, PlatformIdentity
from infra.local.keys import Keys
from infra.local.metadata import MetadataServer
from infra.local.provision import composite_indexes, exemptions, production_indexes, provision, triggers
from infra.local.scheduler.service import SchedulerService
from infra.local.service_account import write_service_account
from infra.local.storage import StorageService
from infra.local.storage.signing import Signer
from infra.local.supply_chain.service import SupplyChainService
from infra.local.tasks.service import TasksService
from infra.topology import Topology

# Firestore's largest request is 10 MiB; a batch of documents may come back larger.
_GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)
_GRPC_GRACE_SECONDS = 0.2
_SWEEP_SECONDS = 60.0


@dataclass(frozen=True)
class Cloud:
    """The running stand-ins.

    Attributes:
        firestore: None when an emulator that was there already takes its place.
        environment: the variables through which functions and clients reach all of it.
    """

    topology: Topology
    clock: Clock
    users: Issuer
    platform: Issuer
    firestore: FirestoreService | None
    tasks: TasksService
    scheduler: SchedulerService
    algolia: AlgoliaService
    supply_chain: SupplyChainService
    storage: StorageService
    events: EventarcService
    addresses: Addresses
    environment: Mapping[str, str]

    async def start_deliveries(self) -> None:
        """Let Cloud Tasks, Cloud Scheduler and Eventarc call functions from now on."""
        for service in self._callers:
            await service.start()

    async def stop_deliveries(self) -> None:
        """Abandon what is under way; it happens again after the next start."""
        for service in self._callers:
            await service.stop()

    def set_algolia_faults(self, settings: Mapping[str, Any]) -> None:
        """Algolia's faults, and below ``limits`` what its plan allows; ``{}`` is no faults and the usual limits.

        Raises:
            ValueError: an unknown key, or a value out of range.
        """
        limits = settings.get("limits", {})
        if not isinstance(limits, Mapping):
            raise ValueError(f"limits must be an object, not {limits!r}")
        self.algolia.faults = {key: value for key, value in settings.items() if key != "limits"}
        self.algolia.limits = dict(limits)

    def set_firestore_faults(self, settings: Mapping[str, Any]) -> None:
        """Firestore's faults; ``{}`` is none.

        Raises:
            ValueError: an unknown key, a value out of range, or the Firestore is not ours.
        """
        if self.firestore is not None:
            self.firestore.faults = settings
        elif settings:
            raise ValueError(
                "FIRESTORE_EMULATOR_HOST was set: the faults of that emulator cannot be set here"
            )

    async def idle(self, within: float) -> bool:
        """Wait until no task, job or event is due or being delivered; whether that came ``within`` seconds."""
        end = time.monotonic() + within
        while True:
            for service in self._callers:
                if not await service.idle(end - time.monotonic()):
                    return False
            # Nothing has begun with one while another came to its end.
            if all([await service.idle(0) for service in self._callers]):
                return True

    def next_due(self) -> datetime | None:
        """When the next task, job or event is due."""
        due = [at for service in self._callers if (at := service.next_due()) is not None]
        return min(due, default=None)

    @property
    def _callers(self) -> tuple[TasksService, SchedulerService, EventarcService]:
        """What calls functions."""
        return self.tasks, self.scheduler, self.events

    def stats(self) -> dict[str, Any]:
        """What the services counted since they started, or since the last reset."""
        counted: dict[str, Any] = {
            "algolia": self.algolia.stats,
            "supply_chain": self.supply_chain.stats,
            "storage": self.storage.stats,
            "events": self.events.stats,
        }
        if self.firestore is not None:
            stats = self.firestore.stats
            billed = {"reads": stats.reads, "writes": stats.writes, "deletes": stats.deletes}
            counted["firestore"] = {**billed, "rpcs": dict(stats.rpcs)}
        return counted

    def reset_stats(self) -> None:
        """Begin to count anew."""
        self.algolia.reset_stats()
        self.supply_chain.reset_stats()
        self.storage.reset_stats()
        self.events.reset_stats()
        if self.firestore is not None:
            self.firestore.reset_stats()


@asynccontextmanager
async def local_cloud(
    topology: Topology,
    directory: Path | None,
    clock: Clock,
    keys: Keys,
    base_url: str,
    other_firestore: str = "",
) -> AsyncIterator[Cloud]:
    """Run the stand-ins; nothing is delivered before ``start_deliveries``.

    Args:
        directory: keeps everything; None keeps it in memory.
        base_url: where the functions and the issuers' documents will be served, without a trailing slash.
        other_firestore: the ``host:port`` of an emulator to use instead of our own Firestore.
    """
    users = Issuer(f"{base_url}/_local/identity", keys.users, clock)
    platform = Issuer(f"{base_url}/_local/platform", keys.platform, clock)
    identity = PlatformIdentity(platform, clock)
    async with AsyncExitStack() as stack:
        opening = _Opening(stack, topology, directory, clock, keys, identity)
        firestore = None if other_firestore else await opening.firestore()
        algolia, supply_chain = opening.algolia(), opening.supply_chain()
        tasks, scheduler, storage = opening.tasks(), opening.scheduler(), opening.storage()
        provision(topology, tasks, scheduler, storage, base_url)
        await stack.enter_async_context(_sweeping(storage.sweep, clock))
        events = opening.eventarc(storage, base_url)
        handlers = [service.handler() for service in (firestore, tasks, scheduler) if service is not None]
        grpc_address = await stack.enter_async_context(_grpc_server(handlers))
        addresses = Addresses(
            grpc=grpc_address,
            algolia=await _serve(stack, algolia.app()),
            supply_chain=await _serve(stack, supply_chain.app()),
            metadata=await _serve(stack, MetadataServer(PROJECT, FUNCTIONS_SERVICE_ACCOUNT, identity).app()),
            storage=await _serve(stack, storage.app(), auto_decompress=False),
            firestore=other_firestore or grpc_address,
        )
        kept = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        credentials = write_service_account(kept, keys.storage)
        environment = client_environment(base_url, addresses, keys, users, platform, credentials)
        services = (firestore, tasks, scheduler, algolia, supply_chain, storage, events)
        yield Cloud(topology, clock, users, platform, *services, addresses, environment)


@dataclass(frozen=True)
class _Opening:
    """Opens the services on their files; the stack closes them, the last first."""

    stack: AsyncExitStack
    topology: Topology
    directory: Path | None
    clock: Clock
    keys: Keys
    identity: PlatformIdentity

    async def firestore(self) -> FirestoreService:
        service = FirestoreService(
            self._file("firestore"),
            self.clock,
            composites=composite_indexes(self.topology),
            exemptions=exemptions(self.topology),
            ttl=self.topology.firestore.ttl,
            production=production_indexes(self.topology),
            usage=Usage.from_environment(os.environ),
        )
        self.stack.callback(service.close)
        await self.stack.enter_async_context(_sweeping(service.sweep_expired, self.clock))
        return service

    def algolia(self) -> AlgoliaService:
        keys = self.keys
        service = AlgoliaService(
            self._file("algolia"), self.clock, ALGOLIA_APP_ID, keys.algolia_admin, keys.algolia_search
        )
        self.stack.push_async_callback(service.close)
        return service

    def supply_chain(self) -> SupplyChainService:
        service = SupplyChainService(self._file("supply-chain"), self.clock, self.keys.supply_chain)
        self.stack.callback(service.close)
        return service

    def tasks(self) -> TasksService:
        service = TasksService(self._file("tasks"), self.clock, self.identity.mint)
        self.stack.push_async_callback(service.stop)
        return service

    def scheduler(self) -> SchedulerService:
        service = SchedulerService(self._file("scheduler"), self.clock, self.identity.mint)
        self.stack.push_async_callback(service.stop)
        return service

    def storage(self) -> StorageService:
        signer = Signer(FUNCTIONS_SERVICE_ACCOUNT, self.keys.storage.public_key())
        service = StorageService(self.directory, self.clock, signer)
        self.stack.callback(service.close)
        return service

    def eventarc(self, storage: StorageService, base_url: str) -> EventarcService:
        """Eventarc, told of whatever happens in Cloud Storage."""
        service = EventarcService(
            self._file("events"),
            self.clock,
            self.identity.mint,
            EVENTS_SERVICE_ACCOUNT,
            triggers(self.topology, base_url),
            source=storage.events,
        )
        storage.on_event(service.take)
        self.stack.push_async_callback(service.close)
        return service

    def _file(self, service: str) -> Path | None:
        return self.directory and self.directory / f"{service}.sqlite"


async def _serve(stack: AsyncExitStack, app: web.Application, *, auto_decompress: bool = True) -> str:
    """Serve ``app`` on a free port until the stack unwinds; return its address."""
    listener = local_socket()
    await stack.enter_async_context(served(app, listener, auto_decompress=auto_decompress))
    return address_of(listener)


@asynccontextmanager
async def _grpc_server(handlers: Sequence[grpc.GenericRpcHandler]) -> AsyncIterator[str]:
    server = grpc.aio.server(options=_GRPC_OPTIONS)
    server.add_generic_rpc_handlers(handlers)
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    try:
        yield f"{HOST}:{port}"
    finally:
        await server.stop(_GRPC_GRACE_SECONDS)


@asynccontextmanager
async def _sweeping(sweep: Callable[[], Awaitable[object]], clock: Clock) -> AsyncIterator[None]:
    """Call ``sweep``, which deletes what has had its time, now and then, and whenever the clock is moved."""
    moved = asyncio.Event()
    clock.on_advance(moved.set)

    async def sweep_again() -> None:
        while True:
            moved.clear()
            await sweep()
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), _SWEEP_SECONDS)

    sweeper = asyncio.create_task(sweep_again())
    try:
        yield
    finally:
        sweeper.cancel()
        await asyncio.wait({sweeper})
