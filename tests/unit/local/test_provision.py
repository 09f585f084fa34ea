"""What the stand-ins are given to hold of a topology."""

import pytest

from infra.local.provision import composite_indexes
from infra.topology import Firestore, Index, Topology


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
