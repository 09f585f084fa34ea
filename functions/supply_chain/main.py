"""Entry point of the supply-chain room, put together once a process."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.supply_chain.delivery import Delivery
from functions.supply_chain.lanes import Lanes
from functions.supply_chain.letters import EventLetters
from functions.supply_chain.upstream import SupplyChainApi, connect
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.errors import ConfigurationError
from shared.outbox import SUPPLY_CHAIN_SYNC, Outbox
from shared.settings import settings
from shared.tasks import TaskHandler


@functions_framework.aio.http
async def supply_chain_sync(request: Request) -> Response:
    """Queue ``supplyChainSync``: delivers a product's change to the supply-chain API."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    if config.supply_chain_url is None:
        raise ConfigurationError("This function needs SUPPLY_CHAIN_URL, the address of the supply-chain API.")
    outbox = Outbox(db, utc_now)
    delivery = Delivery(
        db=db,
        outbox=outbox,
        lanes=Lanes(db, outbox, utc_now),
        api=SupplyChainApi(connect(config.supply_chain_url, config.supply_chain_api_key), utc_now),
        clock=utc_now,
    )
    handler = TaskHandler(
        SUPPLY_CHAIN_SYNC,
        delivery.run,
        auth=Authenticator(config),
        dead_letters=EventLetters(outbox, DeadLetters(db)),
        service_account=config.tasks_service_account,
    )
    return handler.app()
