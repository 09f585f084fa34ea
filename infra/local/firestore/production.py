"""Whether Google's Firestore serves a query, and with which indexes: pure, from the query and what is declared.

No emulator asks for indexes, Google's own included; production refuses what none serves. The rules, from
https://firebase.google.com/docs/firestore/query-data/index-overview:

- An index serves a query when it begins with the fields that the filter holds to a value, in any order and direction,
  and goes on with all of the query's orders in their directions. It is read in one direction only: the opposite order
  wants an index of its own. Fields of an inequality or a sum are orders too; the last order is always `__name__`.
- An index ends with `__name__` in the direction of its last field, ascending after an array, unless it says otherwise
  (https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.collectionGroups.indexes).
- Each field that is not exempt has indexes of its own: ascending, descending, and over the elements of an array; for
  queries of one collection, not for those of a collection group.
- Indexes that go on alike are merged, for equalities. Each alternative of `in` and `or` is a query by itself.

Where the documentation leaves room, the answer is no: nothing is merged with `array-contains`, nor for alternatives
that have an order; a field with both an equality and an order counts as ordered; and no automatic index gives names in
descending order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product

from infra.local.firestore.errors import failed_precondition
from infra.local.firestore.filters import NAME, And, Contains, Filter, Leaf, Or, Range
from infra.local.firestore.indexes import Component, Components, CompositeIndex, Exemption, Mode
from infra.local.firestore.paths import FieldPath, format_field_path, parse_field_path
from infra.local.firestore.queries import Query

_MODES: dict[Mode, str] = {"ASCENDING": "ASC", "DESCENDING": "DESC", "CONTAINS": "CONTAINS"}
_BY_NAME = Component(NAME)

Held = frozenset[Component]
"""Fields with one value each, as ascending components, and arrays with one element."""


@dataclass(frozen=True)
class Shape:
    """What a query asks of indexes, whatever its values.

    Args:
        group: the collection's id.
        whole_group: all collections of that id.
        alternatives: what each conjunction of the filter's disjunctive normal form holds to a value.
        orders: all that it implies, too.
        chooses: whether a field may have one of several values, or the filter has alternatives.
    """

    group: str
    whole_group: bool
    alternatives: frozenset[Held]
    orders: Components
    chooses: bool


def shape_of(query: Query) -> Shape:
    """A query without its values, cursors, limit and projection: they need no index."""
    conjunctions = _conjunctions(query.filter)
    ordered = {order.path for order in query.orders}
    choices = [len(leaf.intervals) > 1 and not _is_range(leaf) for each in conjunctions for leaf in each]
    return Shape(
        group=query.group,
        whole_group=query.whole_group,
        alternatives=frozenset(_held(each, ordered) for each in conjunctions),
        orders=tuple(
            Component(each.path, "DESCENDING" if each.descending else "ASCENDING") for each in query.orders
        ),
        chooses=len(conjunctions) > 1 or any(choices),
    )


class ProductionIndexes:
    """The indexes that a deployment has.

    Args:
        composites: all that are declared, each direction by itself.
        exemptions: the fields without automatic indexes.
    """

    def __init__(self, composites: Iterable[CompositeIndex], exemptions: Iterable[Exemption]) -> None:
        self._composites: dict[str, list[Components]] = {}
        for composite in composites:
            self._composites.setdefault(composite.collection_group, []).append(composite.components)
        self._exempt = {(each.collection_group, parse_field_path(each.field)) for each in exemptions}
        self._served: dict[Shape, tuple[Components, ...]] = {}

    def serving(self, shape: Shape) -> tuple[Components, ...]:
        """The declared and automatic indexes that serve a query, without their ``__name__``.

        Raises:
            FirestoreError: FAILED_PRECONDITION, none does; the text says what to add to the topology.
        """
        if shape not in self._served:
            plans = [self._plan(shape, held) for held in sorted(shape.alternatives, key=sorted)]
            self._served[shape] = tuple(dict.fromkeys(chain.from_iterable(plans)))
        return self._served[shape]

    def _plan(self, shape: Shape, held: Held) -> tuple[Components, ...]:
        """The fewest indexes that hold the fields to their values, all in the query's order."""
        offers = self._offers(shape, held)
        merges = all(each.mode != "CONTAINS" for each in held) and not (
            shape.chooses and len(shape.orders) > 1
        )
        most = max(1, len(held)) if merges else 1
        for chosen in chain.from_iterable(combinations(offers, count) for count in range(1, most + 1)):
            if held == {component for index in chosen for component in offers[index]}:
                return chosen
        raise failed_precondition(f"The query requires an index. {self._advice(shape, held)}")

    def _offers(self, shape: Shape, held: Held) -> dict[Components, Held]:
        """The indexes that are in the query's order, with what they hold to a value on the way."""
        offers: dict[Components, Held] = {}
        for index in self._indexes(shape, held):
            named = _named(index)
            ahead = len(named) - len(shape.orders)
            begins = frozenset(_ascending(each) for each in named[: max(0, ahead)])
            if ahead >= 0 and named[ahead:] == shape.orders and begins <= held:
                offers[index] = begins
        return offers

    def _indexes(self, shape: Shape, held: Held) -> Iterator[Components]:
        yield ()
        if shape.whole_group:  # the topology declares none for groups
            return
        for component in (*held, *shape.orders):
            if component.path != NAME and self._exemption(shape.group, component.path) is None:
                yield (component,)
        yield from self._composites.get(shape.group, [])

    def _exemption(self, group: str, path: FieldPath) -> FieldPath | None:
        """The field, or the map above it, that is kept out of the automatic indexes."""
        above = (path[:length] for length in range(1, len(path) + 1))
        return next((each for each in above if (group, each) in self._exempt), None)

    def _advice(self, shape: Shape, held: Held) -> str:
        wanted = (*sorted(held, key=lambda each: (each.mode, each.path)), *shape.orders)
        fields = wanted[:-1] if _named(wanted[:-1]) == wanted else wanted
        if shape.whole_group:
            return f"It asks all collections {shape.group}, for which infra/topology.yaml can declare none."
        if len(fields) == 1 and (exempt := self._exemption(shape.group, fields[0].path)):
            name = format_field_path(exempt)
            return f"Remove from the exemptions in infra/topology.yaml: {{collection: {shape.group}, field: {name}}}"
        listed = ", ".join(map(index_field, fields))
        return f"Add to the indexes in infra/topology.yaml: {{collection: {shape.group}, fields: [{listed}]}}"


def index_field(component: Component) -> str:
    """A component as the topology has it: ``price ASC``."""
    return f"{format_field_path(component.path)} {_MODES[component.mode]}"


def _conjunctions(node: Filter | None) -> list[tuple[Leaf, ...]]:
    """The disjunctive normal form."""
    if node is None:
        return [()]
    if isinstance(node, Or):
        return [each for child in node.children for each in _conjunctions(child)]
    if isinstance(node, And):
        return [tuple(chain.from_iterable(parts)) for parts in product(*map(_conjunctions, node.children))]
    return [(node,)]


def _held(conjunction: tuple[Leaf, ...], ordered: set[FieldPath]) -> Held:
    return frozenset(
        Component(leaf.path, "CONTAINS" if isinstance(leaf, Contains) else "ASCENDING")
        for leaf in conjunction
        if isinstance(leaf, Contains) or leaf.path not in ordered
    )


def _is_range(leaf: Leaf) -> bool:
    return isinstance(leaf, Range) and leaf.is_inequality


def _ascending(component: Component) -> Component:
    """The direction of a field with one value is of no matter."""
    return component if component.mode == "CONTAINS" else Component(component.path)


def _named(index: Components) -> Components:
    """An index with the ``__name__`` at its end."""
    if index and index[-1].path == NAME:
        return index
    descends = bool(index) and index[-1].mode == "DESCENDING"
    return (*index, Component(NAME, "DESCENDING") if descends else _BY_NAME)
