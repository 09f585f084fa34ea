"""Which indexes a document appears in, and at which place in each.

An index is a list of components. Every field has one of its own (and a second over its elements where it is an
array), as in Google's automatic indexing; composites are declared. An index without components lists the
documents by name. https://firebase.google.com/docs/firestore/query-data/index-overview
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Literal, NamedTuple

from infra.local.firestore.encode import encode_value, invert, is_vector
from infra.local.firestore.errors import invalid
from infra.local.firestore.messages import Value
from infra.local.firestore.paths import FieldPath, parse_field_path

MAX_ENTRIES = 40_000  # index entries for each document, same page


Mode = Literal["ASCENDING", "DESCENDING", "CONTAINS"]


class Component(NamedTuple):
    """One field of an index, and how the index orders or matches it."""

    path: FieldPath
    mode: Mode = "ASCENDING"


Components = tuple[Component, ...]
Fields = Mapping[str, Value]


@dataclass(frozen=True)
class CompositeIndex:
    """An index over several fields of a collection group.

    Args:
        collection_group: the collections' id.
        fields: field paths, each with ``ASCENDING``, ``DESCENDING`` or ``CONTAINS``, in the index's order.
    """

    collection_group: str
    fields: Sequence[tuple[str, Mode]]

    @property
    def components(self) -> Components:
        return tuple(Component(parse_field_path(path), mode) for path, mode in self.fields)


@dataclass(frozen=True)
class Exemption:
    """A field, with the fields below it, that no automatic index covers. Queries on it are refused, as by Google."""

    collection_group: str
    field: str


class IndexSet:
    """The index configuration.

    Args:
        composites: the declared indexes.
        exemptions: fields without automatic indexes.
        ttl: for a collection group, the field that holds its documents' expiry.
    """

    def __init__(
        self, composites: Iterable[CompositeIndex], exemptions: Iterable[Exemption], ttl: Mapping[str, str]
    ) -> None:
        self._composites: dict[str, list[Components]] = {}
        for composite in composites:
            self._composites.setdefault(composite.collection_group, []).append(composite.components)
        self._ttl = {group: parse_field_path(field) for group, field in ttl.items()}
        self._exempt = {(each.collection_group, parse_field_path(each.field)) for each in exemptions}

    def signature(self) -> str:
        """A text that changes whenever stored entries would no longer fit the configuration."""
        composites = sorted(
            (group, repr(sorted(map(repr, all_)))) for group, all_ in self._composites.items()
        )
        return repr((composites, sorted(self._exempt), sorted(self._ttl.items())))

    def composites(self, group: str) -> list[Components]:
        """The declared indexes of a collection group."""
        return self._composites.get(group, [])

    def is_exempt(self, group: str, path: FieldPath) -> bool:
        """Whether the field lacks its automatic index."""
        return bool(self._exempt) and any(
            (group, path[:length]) in self._exempt for length in range(1, len(path) + 1)
        )

    def positions(self, group: str, fields: Fields) -> Iterator[tuple[Components, bytes]]:
        """Each index that holds a document with these fields, with the encoded values at which it does.

        Raises:
            FirestoreError: INVALID_ARGUMENT, more index entries than Google allows for one document.
        """
        yield (), b""
        count = 0
        for count, position in enumerate(self._automatic(group, fields, ()), 1):
            if count >= MAX_ENTRIES:
                raise invalid("too many index entries for entity")
            yield position
        composites = self.composites(group)
        # An array is in several of them as a rule, and long to encode.
        encoded = {each: _composite_values(each, fields) for each in {*chain.from_iterable(composites)}}
        for components in composites:
            for values in product(*map(encoded.__getitem__, components)):
                yield components, b"".join(values)

    def expiry(self, group: str, fields: Fields) -> bytes | None:
        """The encoded moment at which a document expires, if it ever does."""
        value = field_value(fields, self._ttl[group]) if group in self._ttl else None
        return encode_value(value) if value is not None and value.HasField("timestamp_value") else None

    def _automatic(self, group: str, fields: Fields, above: FieldPath) -> Iterator[tuple[Components, bytes]]:
        for name in fields:  # items() of a protobuf map is slow
            path, value = (*above, name), fields[name]
            if (group, path) in self._exempt:  # a map above that is exempt has not been entered
                continue
            yield (Component(path),), encode_value(value)
            kind = value.WhichOneof("value_type")
            if kind == "array_value":
                contains = (Component(path, "CONTAINS"),)
                for element in _elements(value):
                    yield contains, element
            elif kind == "map_value" and not is_vector(value):
                yield from self._automatic(group, value.map_value.fields, path)


def field_value(fields: Fields, path: FieldPath) -> Value | None:
    """The value at a path, or None."""
    *above, last = path
    for name in above:
        if name not in fields or fields[name].WhichOneof("value_type") != "map_value":
            return None
        fields = fields[name].map_value.fields
    return fields.get(last)


def _elements(value: Value) -> set[bytes]:
    return {encode_value(element) for element in value.array_value.values}


def _composite_values(component: Component, fields: Fields) -> Iterable[bytes]:
    value = field_value(fields, component.path)
    if value is None:
        return ()
    if component.mode == "CONTAINS":
        return _elements(value) if value.WhichOneof("value_type") == "array_value" else ()
    encoded = encode_value(value)
    return (invert(encoded) if component.mode == "DESCENDING" else encoded,)
