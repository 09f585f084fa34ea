"""count, sum and avg over a query's results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.local.firestore.errors import invalid
from infra.local.firestore.indexes import field_value
from infra.local.firestore.messages import Document, StructuredAggregationQuery, Value
from infra.local.firestore.paths import FieldPath, parse_field_path

MAX_AGGREGATIONS = 5
_INT64 = range(-(2**63), 2**63)


@dataclass
class Aggregation:
    """One aggregation, fed with documents one by one.

    Args:
        alias: the result's name.
        operator: ``count``, ``sum`` or ``avg``.
        path: the field to add up, for ``sum`` and ``avg``.
        up_to: where a count stops, or None.
    """

    alias: str
    operator: str
    path: FieldPath = ()
    up_to: int | None = None
    counted: int = 0
    integers: int = 0
    doubles: list[float] = field(default_factory=list)

    def add(self, document: Document) -> None:
        """Take one result into account; ``sum`` and ``avg`` skip what is not a number."""
        if self.operator == "count":
            self.counted += 1
            return
        value = field_value(document.fields, self.path)
        kind = None if value is None else value.WhichOneof("value_type")
        if value is None or kind not in ("integer_value", "double_value"):
            return
        self.counted += 1
        if kind == "integer_value":
            self.integers += value.integer_value
        else:
            self.doubles.append(value.double_value)

    def result(self) -> Value:
        """The aggregate: ``sum`` is an integer while it can be, ``avg`` of nothing is null."""
        if self.operator == "count":
            return Value(integer_value=self.counted if self.up_to is None else min(self.counted, self.up_to))
        if self.operator == "sum":
            if not self.doubles and self.integers in _INT64:
                return Value(integer_value=self.integers)
            return Value(double_value=self._total())
        return Value(double_value=self._total() / self.counted) if self.counted else Value(null_value=0)

    def _total(self) -> float:
        return (
            math.fsum(self.doubles) + self.integers
            if all(map(math.isfinite, self.doubles))
            else sum(self.doubles)
        )


def compile_aggregations(message: StructuredAggregationQuery) -> list[Aggregation]:
    """The aggregations of a request.

    Raises:
        FirestoreError: INVALID_ARGUMENT, none, too many, or aliases that clash.
    """
    if not 1 <= len(message.aggregations) <= MAX_AGGREGATIONS:
        raise invalid(f"An aggregation query needs 1 to {MAX_AGGREGATIONS} aggregations.")
    compiled = [_compile(each, number) for number, each in enumerate(message.aggregations, 1)]
    if len({each.alias for each in compiled}) < len(compiled):
        raise invalid("The aliases of aggregations must differ.")
    return compiled


def only_counts(aggregations: Sequence[Aggregation]) -> bool:
    """Whether no field is needed."""
    return all(each.operator == "count" for each in aggregations)


def results(aggregations: Sequence[Aggregation]) -> Mapping[str, Value]:
    """All results by alias."""
    return {each.alias: each.result() for each in aggregations}


def _compile(message: StructuredAggregationQuery, number: int) -> Aggregation:
    alias = message.alias or f"field_{number}"
    operator = message.WhichOneof("operator")
    if operator is None:
        raise invalid("An aggregation has no operator.")
    if operator == "count":
        if not message.count.HasField("up_to"):
            return Aggregation(alias, operator)
        if message.count.up_to.value <= 0:
            raise invalid("up_to must be greater than zero.")
        return Aggregation(alias, operator, up_to=message.count.up_to.value)
    return Aggregation(alias, operator, parse_field_path(getattr(message, operator).field.field_path))
