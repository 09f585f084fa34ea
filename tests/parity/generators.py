"""Random documents, writes and queries as raw protobuf messages, drawn from small pools so that values collide."""

import math
import random
from typing import Any

from google.cloud.firestore_v1 import types

Value = types.Value.pb()
Document = types.Document.pb()
Write = types.Write.pb()
Cursor = types.Cursor.pb()
StructuredQuery = types.StructuredQuery.pb()
RunQueryRequest = types.RunQueryRequest.pb()
RunAggregationQueryRequest = types.RunAggregationQueryRequest.pb()
StructuredAggregationQuery = types.StructuredAggregationQuery.pb()

FIELDS = ["a", "b", "c", "m", "m.x", "m.y.z", "arr", "`odd name`"]
COLLECTIONS = ["t", "t", "t", "t/d1/t", "t/d2/s", "u/e1/t", "u/é/t/x/s", "s"]
IDS = [
    "d1",
    "d2",
    "a",
    "B",
    "é",
    "a b",
    "\U0001f600",
    "zz",
    "Z",
    "10",
    "9",
    "__id7__",
    "__id10__",
    "ab",
    "a\x01",
]
_NUMBERS = [0, 1, -1, 2, 3, 2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1, -(2**63), 10**17]
_DOUBLES = [
    0.0,
    -0.0,
    1.0,
    1.5,
    -1.5,
    2.0**53,
    2.0**63,
    -(2.0**63),
    1e300,
    math.inf,
    -math.inf,
    5e-324,
    1e17,
    math.nan,
]
_STRINGS = [
    "",
    "a",
    "ab",
    "b",
    "\x00",
    "a\x00",
    "é",
    "\U0001f600",
    "\uffff",
    "z" * 1600,
    "z" * 1600 + "a",
    "z" * 1500,
]
_BYTES = [b"", b"\x00", b"a", b"\xff", b"\x00\xff"]
_COMPARISONS = ["LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"]
_LISTS = ["IN", "NOT_IN", "ARRAY_CONTAINS_ANY"]
_UNARY = ["IS_NULL", "IS_NAN", "IS_NOT_NULL", "IS_NOT_NAN"]


class Generator:
    """Everything random about one round.

    Args:
        seed: repeats the round.
        database: ``projects/P/databases/(default)``.
    """

    def __init__(self, seed: int, database: str) -> None:
        self.random = random.Random(seed)
        self.database = database
        self.root = f"{database}/documents"

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def value(self, depth: int = 0, *, in_array: bool = False) -> Any:
        kinds = ["null", "boolean", "integer", "integer", "double", "double", "string", "string", "timestamp"]
        kinds += ["bytes", "reference", "geo"]
        if depth < 2:
            kinds += ["map"] if in_array else ["map", "vector", "array", "array"]
        return getattr(self, "_" + self.random.choice(kinds))(depth)

    def _null(self, _: int) -> Any:
        return Value(null_value=0)

    def _boolean(self, _: int) -> Any:
        return Value(boolean_value=self.chance(0.5))

    def _integer(self, _: int) -> Any:
        return Value(integer_value=self.random.choice(_NUMBERS))

    def _double(self, _: int) -> Any:
        return Value(double_value=self.random.choice(_DOUBLES))

    def _string(self, _: int) -> Any:
        return Value(string_value=self.random.choice(_STRINGS))

    def _bytes(self, _: int) -> Any:
        return Value(bytes_value=self.random.choice(_BYTES))

    def _timestamp(self, _: int) -> Any:
        seconds = self.random.choice([0, 1, -1, 1_700_000_000, -62_135_596_800, 253_402_300_799])
        return Value(
            timestamp_value={"seconds": seconds, "nanos": self.random.choice([0, 1_000, 999_999_000])}
        )

    def _reference(self, _: int) -> Any:
        return Value(reference_value=self.name())

    def _geo(self, _: int) -> Any:
        point = {
            "latitude": self.random.choice([-90, 0, 1.5, 90]),
            "longitude": self.random.choice([-180, 0, 2, 180]),
        }
        return Value(geo_point_value=point)

    def _array(self, depth: int) -> Any:
        values = [self.value(depth + 1, in_array=True) for _ in range(self.random.randrange(4))]
        return Value(array_value={"values": values})

    def _map(self, depth: int) -> Any:
        names = self.random.sample(["x", "y", "z", "", "é", "x y"], self.random.randrange(3))
        return Value(map_value={"fields": {name or "w": self.value(depth + 1) for name in names}})

    def _vector(self, _: int) -> Any:
        numbers = [
            Value(double_value=self.random.choice([0.0, 1.0, -1.0]))
            for _ in range(self.random.randrange(1, 4))
        ]
        marked = {
            "__type__": Value(string_value="__vector__"),
            "value": Value(array_value={"values": numbers}),
        }
        return Value(map_value={"fields": marked})

    def fields(self) -> dict[str, Any]:
        fields = {name: self.value() for name in ("a", "b", "c", "arr", "odd name") if self.chance(0.75)}
        if self.chance(0.5):
            fields["arr"] = self._array(0)
        if self.chance(0.6):
            inner = Value(map_value={"fields": {"z": self.value(1)}})
            fields["m"] = Value(map_value={"fields": {"x": self.value(1), "y": inner}})
        return fields

    def name(self) -> str:
        return f"{self.root}/{self.random.choice(COLLECTIONS)}/{self.random.choice(IDS)}"

    def documents(self) -> list[Any]:
        """A data set: distinct names over several collections."""
        names = {f"{self.root}/{collection}/{id_}" for collection in COLLECTIONS for id_ in IDS}
        return [Document(name=name, fields=self.fields()) for name in sorted(names) if self.chance(0.8)]

    # --- queries

    def query(self, documents: list[Any]) -> Any:
        """A RunQueryRequest over the collections of :meth:`documents`."""
        query = StructuredQuery()
        parent = self._select_collections(query)
        if self.chance(0.75):
            query.where.CopyFrom(self._filter(documents, 0))
        if self.chance(0.55):
            self._order(query)
        if query.order_by and self.chance(0.5):
            self._cursors(query, documents)
        if self.chance(0.4):
            query.limit.value = self.random.choice([0, 1, 2, 5, 20])
        if self.chance(0.15):
            query.offset = self.random.choice([1, 3, 50])
        if self.chance(0.2):
            names = self.random.sample([*FIELDS, "__name__", "missing"], self.random.randrange(1, 4))
            query.select.fields.extend(StructuredQuery.FieldReference(field_path=name) for name in names)
        return RunQueryRequest(parent=parent, structured_query=query)

    def aggregation(self, documents: list[Any]) -> Any:
        """A RunAggregationQueryRequest over a random query."""
        inner = self.query(documents)
        inner.structured_query.ClearField("select")
        aggregation = StructuredAggregationQuery(structured_query=inner.structured_query)
        for number in range(self.random.randrange(1, 4)):
            field = StructuredQuery.FieldReference(field_path=self.random.choice(FIELDS))
            kind = self.random.choice(["count", "count_up_to", "sum", "avg"])
            each = aggregation.aggregations.add(alias=f"x{number}")
            if kind == "count":
                each.count.SetInParent()
            elif kind == "count_up_to":
                each.count.up_to.value = self.random.choice([1, 3, 1000])
            else:
                getattr(each, kind).field.CopyFrom(field)
        return RunAggregationQueryRequest(parent=inner.parent, structured_aggregation_query=aggregation)

    def _select_collections(self, query: Any) -> str:
        selector = query.from_.add()
        dice = self.random.random()
        if dice < 0.6:
            selector.collection_id = "t"
            return self.root
        if dice < 0.8:
            selector.collection_id = self.random.choice(["t", "s"])
            selector.all_descendants = True
            return self.root
        if dice < 0.9:
            selector.collection_id = self.random.choice(["t", "s"])
            selector.all_descendants = self.chance(0.5)
            return f"{self.root}/{self.random.choice(['t/d1', 't/d2', 'u/e1', 'u/é', 't'])}".removesuffix(
                "/t"
            )
        if dice < 0.95:
            selector.all_descendants = self.chance(0.5)
            return self.random.choice([self.root, f"{self.root}/t/d1"])
        selector.collection_id = "absent"
        return self.root

    def _filter(self, documents: list[Any], depth: int) -> Any:
        if depth < 2 and self.chance(0.4 if depth == 0 else 0.25):
            operator = "AND" if self.chance(0.6) else "OR"
            children = [self._filter(documents, depth + 1) for _ in range(self.random.randrange(1, 4))]
            return StructuredQuery.Filter(composite_filter={"op": operator, "filters": children})
        field = {"field_path": self.random.choice([*FIELDS, *FIELDS, "__name__"])}
        if self.chance(0.12):
            return StructuredQuery.Filter(unary_filter={"op": self.random.choice(_UNARY), "field": field})
        operators = (
            ["EQUAL"] * 4 + _COMPARISONS * 2 + ["NOT_EQUAL", "ARRAY_CONTAINS", "ARRAY_CONTAINS", *_LISTS]
        )
        operator = self.random.choice(operators)
        value = self._operand(documents, field["field_path"], operator)
        return StructuredQuery.Filter(field_filter={"op": operator, "field": field, "value": value})

    def _operand(self, documents: list[Any], path: str, operator: str) -> Any:
        if operator not in _LISTS:
            return self._comparable(documents, path, of_array=operator == "ARRAY_CONTAINS")
        of_array = operator == "ARRAY_CONTAINS_ANY"
        count = self.random.choice([1, 1, 2, 3, 4, 9])
        values = [self._comparable(documents, path, of_array=of_array) for _ in range(count)]
        return Value(array_value={"values": values})

    def _comparable(self, documents: list[Any], path: str, *, of_array: bool = False) -> Any:
        """Mostly a value that some document really has at the path."""
        if path == "__name__":
            if self.chance(0.02):
                return self.value()
            return Value(
                reference_value=self.random.choice(documents).name if self.chance(0.8) else self.name()
            )
        found = _field(self.random.choice(documents), path) if self.chance(0.7) else None
        if found is not None and of_array and found.array_value.values:
            return self.random.choice(found.array_value.values)
        return found if found is not None and not of_array else self.value()

    def _order(self, query: Any) -> None:
        direction = self.random.choice(["ASCENDING", "DESCENDING"])
        paths = self.random.sample(FIELDS, self.random.choice([1, 1, 2, 3]))
        if self.chance(0.3):
            paths = [*paths[: self.random.randrange(2)], "__name__"]
        for path in paths:
            if self.chance(0.3):
                direction = self.random.choice(["ASCENDING", "DESCENDING"])
            query.order_by.add(field={"field_path": path}, direction=direction)

    def _cursors(self, query: Any, documents: list[Any]) -> None:
        for name in ("start_at", "end_at"):
            if self.chance(0.6):
                count = self.random.randrange(1, len(query.order_by) + 1)
                paths = [each.field.field_path for each in query.order_by][:count]
                values = [self._comparable(documents, path) for path in paths]
                getattr(query, name).CopyFrom(Cursor(values=values, before=self.chance(0.5)))

    # --- writes

    def write(self) -> Any:
        """One write: set, update with a mask, delete, with or without transforms and an ``exists`` precondition."""
        if self.chance(0.15):
            write = Write(delete=self.name())
        else:
            write = Write(update=Document(name=self.name(), fields=self.fields()))
            if self.chance(0.5):
                paths = self.random.sample(FIELDS, self.random.randrange(4))
                write.update_mask.field_paths.extend(paths)
            if self.chance(0.4):
                for path in self.random.sample(FIELDS, self.random.randrange(1, 3)):
                    write.update_transforms.append(self._transform(path))
        if self.chance(0.25):
            write.current_document.exists = self.chance(0.6)
        return write

    def _transform(self, path: str) -> Any:
        transform = types.DocumentTransform.FieldTransform.pb()(field_path=path)
        kind = self.random.choice(
            ["increment", "maximum", "minimum", "append_missing_elements", "remove_all_from_array"]
        )
        if kind in ("increment", "maximum", "minimum"):
            operand = (
                self.random.choice([self._integer, self._double])(0) if self.chance(0.97) else self.value()
            )
            getattr(transform, kind).CopyFrom(operand)
        else:
            values = [self.value(1, in_array=True) for _ in range(self.random.randrange(3))]
            getattr(transform, kind).values.extend(values)
        return transform


def _field(document: Any, path: str) -> Any:
    fields = document.fields
    *above, last = [part.strip("`") for part in path.split(".")]
    for name in above:
        if name not in fields:
            return None
        fields = fields[name].map_value.fields
    return fields.get(last)
