"""Health over HTTP: all of it for operators, a word for everybody else."""

from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.glance import Glance
from functions.ops.health import HealthChecks
from functions.ops.health_answers import HealthView, PulseView
from shared.auth import Authenticator
from shared.http import json_response
from shared.openapi import Answer, Operation

_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class HealthApi:
    """``/ops/health`` for operators; ``/ops/health/live`` and ``/ops/healthz`` for uptime checks."""

    auth: Authenticator
    checks: HealthChecks
    glance: Glance

    def routes(self) -> list[Route]:
        return [
            Route("/health", self.all, methods=["GET"]),
            # Cloud Run keeps some paths that end in z for itself, /healthz at the root of a service among them, and
            # advises against all: https://cloud.google.com/run/docs/known-issues
            Route("/health/live", self.live, methods=["GET"]),
            Route("/healthz", self.healthz, methods=["GET"]),
        ]

    @Operation(roles=("ops",), answers={200: Answer(HealthView)})
    async def all(self, request: Request) -> Response:
        """Whether all is well, in one sentence, and what that is concluded from. Looks anew."""
        (await self.auth.user(request)).require("ops")
        return json_response(asdict(await self.checks.look()), headers=_NOT_KEPT)

    @Operation(roles=(), answers={200: Answer(PulseView), 503: Answer(PulseView)})
    async def live(self, request: Request) -> Response:
        """Whether all is well, for uptime checks: 503 if nothing works. What it says is up to ten seconds old."""
        status = (await self.glance.health()).status
        return json_response({"status": status}, 503 if status == "down" else 200, _NOT_KEPT)

    @Operation(roles=(), answers={200: Answer(PulseView), 503: Answer(PulseView)})
    async def healthz(self, request: Request) -> Response:
        """The same, under the name that many look for; behind Cloud Run's own address ask for `/health/live`."""
        return await self.live(request)
