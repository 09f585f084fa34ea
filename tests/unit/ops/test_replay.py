"""Where dead work can be tried again."""

from typing import get_args

from functions.ops.dead_letters import QueueName
from functions.ops.replay import TARGETS
from infra.topology import load


def test_whatever_is_deployed_can_be_replayed() -> None:
    topology = load()
    assert {name: queue.target for name, queue in topology.queues.items()} == dict(TARGETS), (
        "functions/ops/replay.py: TARGETS are the queues of infra/topology.yaml and the functions behind them"
    )
    assert set(get_args(QueueName)) == set(TARGETS), (
        "functions/ops/dead_letters.py: QueueName has all of them"
    )
    assert set(topology.functions["ops"].enqueues) == set(TARGETS), "ops may enqueue what it replays"
