"""What a month of work costs: units x what each takes x list price.

A month has 30 days. Amounts are rounded to cents line by line, so that tables add up as they are printed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, Self

import yaml
from croniter import croniter_range
from pydantic import BaseModel, ConfigDict, Field, model_validator

from infra.topology import Function, Topology

_FOLDER = Path(__file__).parent
_DAYS = 30
_CENT = Decimal("0.01")
# Cloud Run bills an instance's busy time in such steps: https://cloud.google.com/run/pricing
_BILLED_MS = 100
_GIB = 2**30
_MEMORY = {"Mi": 2**20, "Gi": _GIB}

# What a unit takes of something, by meter: the key of its price, and after a slash what sort of it.
Uses = Mapping[str, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Part):
    """A list price: ``usd`` for ``per`` units, after ``free`` units a month, which are free to ``whose``.

    Args:
        units: the plural, if it is not ``unit`` with an s.
        per_text: what ``per`` units are called together, such as GiB; empty if that is no word of its own.
        seen: how it was found, see ``prices.yaml``.
    """

    what: str
    unit: str
    units: str = ""
    usd: Decimal = Field(gt=0)
    per: int = 1
    per_text: str = ""
    free: Decimal = Decimal(0)
    whose: str = ""
    url: str = Field(pattern=r"^https://")
    seen: Literal["page", "region", "older", "elsewhere", "assumed"]

    @property
    def plural(self) -> str:
        return self.units or f"{self.unit}s"

    def amount(self, quantity: float) -> Decimal:
        """What so many units cost, in dollars and cents."""
        return (Decimal(str(quantity)) * self.usd / self.per).quantize(_CENT, ROUND_HALF_UP)


class Prices(_Part):
    """All prices, by key, and when they were looked up."""

    looked_up: date
    prices: dict[str, Price]

    def of(self, meter: str) -> Price:
        """The price of what a meter counts."""
        return self.prices[meter.partition("/")[0]]


class Call(_Part):
    """Requests to a function.

    Args:
        times: how many.
        cpu_ms: CPU time of one.
        wait_ms: how long it waits for other services.
        start_ms: how long the instance takes to start, where each call is taken to meet none.
    """

    times: float = 1
    cpu_ms: float
    wait_ms: float
    start_ms: float = 0

    def waiting(self, factor: float) -> Self:
        """The same, waiting so many times as long."""
        return self.model_copy(update={"wait_ms": self.wait_ms * factor})

    @property
    def billed_seconds(self) -> float:
        """Of an instance that serves nobody else meanwhile, which is the most that it can be."""
        whole = math.ceil((self.cpu_ms + self.wait_ms + self.start_ms) / _BILLED_MS)
        return self.times * whole * _BILLED_MS / 1000


class Work(_Part):
    """A kind of work, and what a unit of it takes.

    Args:
        room: whose it is.
        unit: what is counted, in words.
        source: where the counts come from.
        uses: by meter.
        calls: by function.
    """

    room: str
    unit: str
    source: str
    uses: dict[str, float] = {}
    calls: dict[str, Call] = {}

    def waiting(self, factor: float) -> Self:
        """The same, with calls that wait so many times as long."""
        return self.model_copy(
            update={"calls": {name: call.waiting(factor) for name, call in self.calls.items()}}
        )


class Variant(_Part):
    """What if: other units of some work, some meters not counted, or other waits."""

    what: str
    units: dict[str, float] = {}
    without: tuple[str, ...] = ()
    waits: float = 1


class Workload(_Part):
    """What there is to do in a month: ``idle`` units of work in any, ``busy`` ones besides, and ``variants`` of that.

    ``request_log_bytes`` is what the platform itself logs of a request.
    """

    request_log_bytes: float
    works: dict[str, Work]
    idle: dict[str, float]
    options: dict[str, float]
    busy: dict[str, float]
    variants: tuple[Variant, ...]

    @model_validator(mode="after")
    def _works_exist(self) -> Self:
        named = [self.idle, self.options, self.busy, *(variant.units for variant in self.variants)]
        if unknown := {name for units in named for name in units} - self.works.keys():
            raise ValueError(f"there is no work {', '.join(sorted(unknown))}")
        return self

    def waiting(self, factor: float) -> Self:
        """The same, with functions that wait so many times as long for what they call."""
        return self.model_copy(
            update={"works": {name: work.waiting(factor) for name, work in self.works.items()}}
        )


@dataclass(frozen=True)
class Line:
    """``units`` of ``work``, each of which takes so ``many`` of what ``meter`` counts."""

    work: Work
    units: float
    meter: str
    many: float
    price: Price

    @property
    def quantity(self) -> float:
        return self.units * self.many

    @cached_property
    def amount(self) -> Decimal:
        """At list price, in dollars and cents."""
        return self.price.amount(self.quantity)


@dataclass(frozen=True)
class Bill:
    """A month's lines."""

    lines: Sequence[Line]

    @property
    def total(self) -> Decimal:
        """At list prices, as if nothing were free."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def free(self) -> Decimal:
        """What free tiers take off it, if nothing else uses them."""
        return sum((self.free_of(price) for price in self.prices), Decimal(0))

    @property
    def due(self) -> Decimal:
        """What is left to pay."""
        return self.total - self.free

    @property
    def prices(self) -> list[Price]:
        """Those that occur, once each."""
        return list({line.price.what: line.price for line in self.lines}.values())

    @property
    def rooms(self) -> list[str]:
        return list(dict.fromkeys(line.work.room for line in self.lines))

    def of(self, price: Price) -> "Bill":
        """The lines of one price."""
        return Bill([line for line in self.lines if line.price == price])

    def in_room(self, room: str) -> "Bill":
        """The lines of one room."""
        return Bill([line for line in self.lines if line.work.room == room])

    @property
    def quantity(self) -> float:
        return sum(line.quantity for line in self.lines)

    def free_of(self, price: Price) -> Decimal:
        """What the free tier of a price takes off; never more than there is."""
        lines = self.of(price)
        # All of it if there is no more: the rounding of many lines is not left to be paid.
        return (
            lines.total if lines.quantity <= price.free else min(lines.total, price.amount(float(price.free)))
        )


@dataclass(frozen=True)
class Model:
    """The arithmetic: a workload on a topology, at some prices."""

    topology: Topology
    prices: Prices
    workload: Workload

    def idle(self) -> Bill:
        """Everything is deployed, and nobody comes."""
        return self.bill(self._always)

    def busy(self) -> Bill:
        """The month of the workload."""
        return self.bill(self._always | self.workload.busy)

    def option(self, name: str) -> Bill:
        """What something that can be switched on adds."""
        return self.bill({name: self.workload.options[name]})

    def variant(self, variant: Variant) -> Bill:
        """The busy month, if something were otherwise."""
        otherwise = replace(self, workload=self.workload.waiting(variant.waits))
        return otherwise.bill(self._always | self.workload.busy | variant.units, variant.without)

    def bill(self, units: Mapping[str, float], without: Iterable[str] = ()) -> Bill:
        """What so many units of work cost, by name of the work."""
        left_out = set(without)
        return Bill(
            [
                Line(self.workload.works[name], count, meter, many, self.prices.of(meter))
                for name, count in units.items()
                for meter, many in self.uses(self.workload.works[name]).items()
                if meter not in left_out and count * many
            ]
        )

    def uses(self, work: Work) -> Uses:
        """Everything that a unit takes, by meter, with what its calls take of Cloud Run and of logs."""
        taken = dict(work.uses)
        for name, call in work.calls.items():
            for meter, many in self._uses_of_call(self.topology.functions[name], call).items():
                taken[meter] = taken.get(meter, 0) + many
        return taken

    def _uses_of_call(self, function: Function, call: Call) -> Uses:
        seconds = call.billed_seconds
        return {
            "run_cpu": seconds * function.cpu,
            "run_memory": seconds * _gib(function.memory),
            "run_requests": call.times,
            "logging/requests": call.times * self.workload.request_log_bytes,
        }

    @property
    def _always(self) -> dict[str, float]:
        jobs = self.topology.schedules.items()
        return {name: float(runs_a_month(schedule.cron)) for name, schedule in jobs} | self.workload.idle


@cache
def runs_a_month(cron: str) -> int:
    """How often a schedule fires in 30 days.

    Raises:
        ValueError: not all days are alike to it.
    """
    if cron.split()[2:] != ["*", "*", "*"]:
        raise ValueError(f"{cron!r}: say how often it fires in a month, since days differ")
    start = datetime(2026, 11, 1, tzinfo=UTC)
    a_day = croniter_range(start, start + timedelta(days=1, seconds=-1), cron)
    return _DAYS * sum(1 for _ in a_day)


def _gib(memory: str) -> float:
    return float(memory[:-2]) * _MEMORY[memory[-2:]] / _GIB


def load(topology: Topology) -> Model:
    """The model of the files beside this one."""
    prices = Prices.model_validate(_read("prices.yaml"))
    return Model(topology, prices, Workload.model_validate(_read("workload.yaml")))


def _read(name: str) -> object:
    return yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))
