"""Faults on demand, chosen so that a run can be repeated whatever order the products come in."""

import random
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra.local.problems import Problem

Fault = Literal["outage", "drop", "refused", "rate_limited", "error", "garbage", "lost_answer", "stale"]
Rate = Annotated[float, Field(ge=0, le=1)]

_ANY_REQUEST: Mapping[Fault, str] = {
    "rate_limited": "rate_429",
    "error": "error_rate",
    "garbage": "garbage_rate",
    "lost_answer": "lost_answer_rate",
}
_READ: Mapping[Fault, str] = {**_ANY_REQUEST, "stale": "stale_rate"}


class FaultPlan(BaseModel):
    """How requests go wrong; a request has one fault at most.

    Attributes:
        seed: the faults follow from it and from how often a product was read or posted before, and nothing else.
        outage: every request fails: True answers 503, "drop" closes the connection without an answer.
        refuse: ids of products that are refused for good (422).
        refuse_rate: the share of versions that are refused for good.
        rate_429: the share of requests answered 429.
        error_rate: the share answered 500 without effect.
        garbage_rate: the share answered in the API's place, without effect, by 200 and a body that is not JSON.
        lost_answer_rate: the share carried out and then answered 500, as if nothing had been.
        stale_rate: the share of reads answered with the version before the last, or 404 where that is the first.
        retry_after: seconds in the ``Retry-After`` of every 429 and 503; 0 leaves it out.
        latency_ms: from a request's arrival to its effect; it happens though the client has gone meanwhile.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = 0
    outage: Annotated[bool, Field(strict=False)] | Literal["drop"] = False
    refuse: list[str] = []
    refuse_rate: Rate = 0.0
    rate_429: Rate = 0.0
    error_rate: Rate = 0.0
    garbage_rate: Rate = 0.0
    lost_answer_rate: Rate = 0.0
    stale_rate: Rate = 0.0
    retry_after: Annotated[int, Field(ge=0)] = 0
    latency_ms: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _rates_fit(self) -> Self:
        if sum(getattr(self, rate) for rate in _READ.values()) > 1:
            raise ValueError(f"{', '.join(_READ.values())} exceed 1 together")
        return self

    def instead(self, fault: Fault | None) -> web.Response | None:
        """What answers a request that never reaches the API; None if it does."""
        match fault:
            case "outage":
                return self._later(HTTPStatus.SERVICE_UNAVAILABLE)
            case "rate_limited":
                return self._later(HTTPStatus.TOO_MANY_REQUESTS)
            case "refused":
                return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this product is not wanted").response()
            case "error":
                return failure()
            case "garbage":
                return web.Response(text='{"id": "', content_type="application/json")
            case _:
                return None

    def _later(self, status: HTTPStatus) -> web.Response:
        response = Problem(status, "try again later").response()
        if self.retry_after:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


def failure() -> web.Response:
    """The same whether or not the request took effect: its sender cannot tell."""
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong").response()


def parse_fault_plan(settings: Mapping[str, Any]) -> FaultPlan:
    """Read a plan such as ``{"seed": 7, "error_rate": 0.3, "refuse": ["p1"]}``; ``{}`` is no faults.

    Raises:
        ValueError: an unknown key, a value out of range, or rates that exceed 1 together.
    """
    try:
        return FaultPlan.model_validate(dict(settings))
    except ValidationError as error:
        faults = (".".join(map(str, ("supply_chain", *e["loc"]))) + f": {e['msg']}" for e in error.errors())
        raise ValueError("; ".join(faults)) from error


class FaultSource:
    """Draws the fault of each request from a plan."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._seen: Counter[str] = Counter()

    def draw(self, method: str, product_id: str, version: int | None) -> Fault | None:
        """The fault of the next request."""
        if self.plan.outage:
            return "drop" if self.plan.outage == "drop" else "outage"
        if method == "POST" and self._refuses(product_id, version):
            return "refused"
        name = f"{method}:{product_id}"
        self._seen[name] += 1
        at = self._throw(f"{name}:{self._seen[name]}")
        for fault, rate in (_READ if method == "GET" else _ANY_REQUEST).items():
            at -= getattr(self.plan, rate)
            if at < 0:
                return fault
        return None

    def _refuses(self, product_id: str, version: int | None) -> bool:
        thrown = self._throw(f"refuse:{product_id}:{version}")
        return product_id in self.plan.refuse or thrown < self.plan.refuse_rate

    def _throw(self, name: str) -> float:
        return random.Random(f"{self.plan.seed}:{name}").random()
