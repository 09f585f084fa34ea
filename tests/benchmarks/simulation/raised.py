"""The topology with its limits raised for ten times the load, as docs/scale.md proposes."""

from collections.abc import Mapping
from typing import Any

from infra.topology import Topology

FACTOR = 10
QUEUES: Mapping[str, Mapping[str, Any]] = {
    "supplyChainSync": {"max_dispatches_per_second": 300, "max_concurrent_dispatches": 100},
    "imageFetch": {"max_dispatches_per_second": 100, "max_concurrent_dispatches": 200},
}
FUNCTIONS: Mapping[str, Mapping[str, Any]] = {
    "supply-chain-sync": {"max_instances": 10},
    "fetch-image": {"max_instances": 40},
}
PARTS = ("supply chain", "fetching")


def raised(topology: Topology) -> Topology:
    """The topology with those limits."""
    parts = {
        "queues": _updated(topology.queues, QUEUES),
        "functions": _updated(topology.functions, FUNCTIONS),
    }
    return topology.model_copy(update=parts)


def _updated(parts: Mapping[str, Any], limits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: part.model_copy(update=dict(limits.get(name, {}))) for name, part in parts.items()}
