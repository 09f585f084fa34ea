"""What listens on the gateway's port: the functions, the controls and the page that lists them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web

from infra.local.cloud import Cloud
from infra.local.control import Controls, FunctionsControl
from infra.local.door import doors
from infra.local.environment import PROJECT, REGION
from infra.local.fault_switch import FaultSwitch
from infra.local.gateway import Backend, Gateway
from infra.local.index_page import IndexPage
from infra.local.problems import problems
from infra.local.task_list import TaskList


class Functions(Backend, FunctionsControl, Protocol):
    """The functions process, as the gateway and the controls know it."""


@asynccontextmanager
async def front_app(
    cloud: Cloud, functions: Functions, keep_offset: Callable[[float], None]
) -> AsyncIterator[web.Application]:
    """The application for the gateway's port.

    Args:
        functions: what serves the topology's functions.
        keep_offset: remembers the clock's offset for the next start.
    """
    entrances = doors(cloud.topology, cloud.environment["BASE_URL"], cloud.platform, cloud.clock)
    gateway = Gateway(entrances, functions)
    tasks = TaskList(cloud.addresses.grpc, f"projects/{PROJECT}/locations/{REGION}")
    controls = Controls(cloud, functions, _fault_switch(cloud, gateway), tasks, keep_offset).routes()
    app = web.Application(middlewares=[problems])
    app.add_routes([*controls, web.get("/", IndexPage(list(cloud.topology.functions), controls).serve)])
    app.router.add_route("*", r"/{path:(?!_local(/|$))[\s\S]*}", gateway.handle)
    try:
        yield app
    finally:
        await gateway.close()
        await tasks.close()


def _fault_switch(cloud: Cloud, gateway: Gateway) -> FaultSwitch:
    services = {
        "functions": gateway.set_crashes,
        "algolia": cloud.set_algolia_faults,
        "firestore": cloud.set_firestore_faults,
        "supply_chain": cloud.supply_chain.set_faults,
        "storage": cloud.storage.set_faults,
        "events": cloud.events.set_faults,
    }
    return FaultSwitch(cloud.tasks.set_faults, services)
