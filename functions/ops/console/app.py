"""The operators' page, put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.actions import Actions
from functions.ops.console.action_pages import ActionPages
from functions.ops.console.acts import Act
from functions.ops.console.audit_pages import AuditPages
from functions.ops.console.confirming import Confirming
from functions.ops.console.door import Door
from functions.ops.console.image_pages import ImagePages
from functions.ops.console.letter_acts import LetterActs
from functions.ops.console.letter_pages import LetterPages
from functions.ops.console.originals import Originals
from functions.ops.console.overview import Overview
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.run_acts import RunActs
from functions.ops.console.run_pages import RunPages
from functions.ops.console.session import Sessions
from functions.ops.console.signing_in import SigningIn
from functions.ops.console.static_files import StaticFiles
from functions.ops.console.steering_acts import steering_acts
from functions.ops.console.store_acts import StoreActs
from functions.ops.console.store_pages import StorePages
from functions.ops.control import QueueControl, Schedules
from functions.ops.dead_letters import Letters
from functions.ops.finding_lists import FindingLists
from functions.ops.health import HealthChecks
from functions.ops.replay import Replays
from functions.ops.runs import Runs
from functions.ops.siblings import http_client
from functions.ops.stores import ProductImages, Stores
from shared.auth import Authenticator
from shared.clock import Clock
from shared.problems import Problem
from shared.settings import Settings


@dataclass(frozen=True)
class Console:
    """What the page shows and does, by whom it has it shown and done."""

    auth: Authenticator
    config: Settings
    clock: Clock
    actions: Actions
    health: HealthChecks
    letters: Letters
    replays: Replays
    runs: Runs
    findings: FindingLists
    schedules: Schedules
    queues: QueueControl
    stores: Stores
    images: ProductImages

    def routes(self) -> list[Route]:
        """All pages below the function ``ops``, and what they need."""
        sessions = Sessions(self.auth, self.config.base_url, self.clock)
        files = StaticFiles(sessions.path)
        pages = Pages(self.config, sessions.path, files, self.clock)
        door = Door(sessions, pages, self.config.base_url, self.clock)
        rooms: list[_Rooms] = [
            files,
            SigningIn(sessions, pages, door, self.actions, self.config.base_url),
            Overview(door, pages, self.health, self.runs, self.letters, self.queues, self.schedules),
            RunPages(door, pages, self.runs),
            LetterPages(door, pages, self.letters),
            AuditPages(door, pages, self.runs, self.findings),
            ImagePages(door, pages, self.images),
            Originals(door, partial(http_client, self.config.base_url)),
            StorePages(door, pages, self.stores),
            ActionPages(door, pages, self.actions),
            Confirming(door, pages, self._acts()),
        ]
        nowhere = Route("/console/{rest:path}", door.page(_nowhere), methods=["GET"])
        return [*(route for room in rooms for route in room.routes()), nowhere]

    def _acts(self) -> Mapping[str, Act]:
        return {
            **LetterActs(self.letters, self.replays).acts(),
            **RunActs(self.runs).acts(),
            **steering_acts(self.schedules, self.queues),
            **StoreActs(self.stores, self.images).acts(),
        }


class _Rooms(Protocol):
    def routes(self) -> list[Route]: ...


async def _nowhere(visit: Visit) -> Response:
    raise Problem(404, "not-found", "There is no such page.")
