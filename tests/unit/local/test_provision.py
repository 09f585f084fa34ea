"""What the stand-ins are given to hold of a topology."""

import pytest

from infra.local.eventarc.dispatcher import Trigger
from infra.local.provision import composite_indexes, triggers
from infra.topology import Bucket, Firestore, Function, Index, Topology
from infra.topology import Trigger as TopologyTrigger

FINALIZED = "google.cloud.storage.object.v1.finalized"


def kept(*indexes: tuple[str, ...]) -> list[tuple[tuple[str, str], ...]]:
    declared = tuple(Index(collection="orders", fields=fields) for fields in indexes)
    topology = Topology(functions={}, queues={}, schedules={}, firestore=Firestore(indexes=declared))
    return [tuple(index.fields) for index in composite_indexes(topology)]


def test_an_index_has_its_modes_by_the_names_of_the_protocol() -> None:
    assert kept(("tags CONTAINS", "at DESC", "price ASC")) == [
        (("tags", "CONTAINS"), ("at", "DESCENDING"), ("price", "ASCENDING"))
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("at ASC", "price ASC"), ("at DESC", "price DESC")),
        (("user ASC", "tags CONTAINS", "at DESC"), ("user ASC", "tags CONTAINS", "at ASC")),
    ],
)
def test_of_two_indexes_that_are_each_other_the_other_way_round_one_is_kept(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert kept(one, other) == kept(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("at ASC", "price DESC"), ("at DESC", "price DESC")),
        (("at ASC", "price ASC"), ("price DESC", "at DESC")),
        (("user ASC", "at ASC"), ("user ASC", "at DESC", "price DESC")),
        (("user ASC", "tags CONTAINS"), ("user ASC", "tags ASC")),
    ],
)
def test_indexes_that_differ_otherwise_are_both_kept(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert len(kept(one, other)) == 2


def test_a_trigger_calls_its_function_as_often_at_once_as_all_instances_take() -> None:
    function = Function(
        entry_point="look_at",
        room="shop",
        access="events",
        memory="1Gi",
        cpu=1,
        concurrency=2,
        timeout=60,
        min_instances=0,
        max_instances=3,
    )
    trigger = TopologyTrigger(target="look-at", bucket="originals", event_type=FINALIZED)
    topology = Topology(
        functions={"look-at": function},
        queues={},
        schedules={},
        buckets={"originals": Bucket(public=False)},
        triggers={"lookAt": trigger},
        firestore=Firestore(),
    )
    (made,) = triggers(topology, "http://gateway")
    assert made == Trigger("lookAt", "backstock-local-originals", FINALIZED, "http://gateway/look-at", 6)
