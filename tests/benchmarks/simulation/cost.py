"""What a queue's day costs: its function's instances while they are busy, requests and task operations.

At the list prices of docs/costs, and as if nothing were free. What tasks do in Firestore, Storage and Algolia is in
docs/costs.md, by the month.
"""

from decimal import Decimal

from docs.costs.model import Prices
from infra.topology import Function
from tests.benchmarks.simulation.day import Outcome

_GIB = {"Mi": 1 / 1024, "Gi": 1.0}


def operations(outcome: Outcome) -> int:
    """What Cloud Tasks bills: each task that is added, and each attempt."""
    return outcome.added + outcome.attempts


def cost(outcome: Outcome, function: Function, prices: Prices) -> Decimal:
    """In dollars."""
    gib = float(function.memory[:-2]) * _GIB[function.memory[-2:]]
    taken = {
        "run_cpu": outcome.busy_seconds * function.cpu,
        "run_memory": outcome.busy_seconds * gib,
        "run_requests": outcome.attempts,
        "tasks": operations(outcome),
    }
    return sum((prices.of(meter).amount(quantity) for meter, quantity in taken.items()), Decimal(0))
