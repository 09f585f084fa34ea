"""Which attributes of a record are indexed for what, and how a record falls apart into them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Leaf = str | int | float | bool


Entries = list[tuple[int, Leaf]]
"""The scalars of one attribute, each with its document, in the order they came."""


def collect_leaves(found: defaultdict[str, Entries], doc: int, record: Mapping[str, Any]) -> None:
    """Add every scalar of a record under its dotted path; the elements of an array share the array's path."""
    _collect_object(found, doc, "", record)


def _collect_object(
    found: defaultdict[str, Entries], doc: int, prefix: str, value: Mapping[str, Any]
) -> None:
    for name, child in value.items():
        path = prefix + name
        kind = type(child)
        if kind is dict:
            _collect_object(found, doc, f"{path}.", child)
        elif kind is list:
            _collect_array(found, doc, path, child)
        elif child is not None:
            found[path].append((doc, child))


def _collect_array(found: defaultdict[str, Entries], doc: int, path: str, value: list[Any]) -> None:
    for child in value:
        kind = type(child)
        if kind is dict:
            _collect_object(found, doc, f"{path}.", child)
        elif kind is list:
            _collect_array(found, doc, path, child)
        elif child is not None:
            found[path].append((doc, child))


def covers(declared: Iterable[str], path: str) -> str | None:
    """The declared attribute that is ``path`` or holds it (``items`` holds ``items.name``)."""
    return next((name for name in declared if path == name or path.startswith(f"{name}.")), None)


@dataclass(frozen=True)
class Schema:
    """The attributes that the settings of an index and its replicas use.

    ``searchable`` None means every attribute but objectID; ``sorts`` are the attributes of ranking and customRanking.
    """

    searchable: frozenset[str] | None
    facets: frozenset[str]
    sorts: frozenset[str]
    _roles: dict[str, tuple[bool, bool]] = field(default_factory=dict, compare=False, repr=False)

    def roles(self, path: str) -> tuple[bool, bool]:
        """Whether the attribute is searchable, and whether it is a facet."""
        known = self._roles.get(path)
        if known is None:
            known = self._roles[path] = (self._is_searchable(path), covers(self.facets, path) is not None)
        return known

    def _is_searchable(self, path: str) -> bool:
        if self.searchable is None:
            return path != "objectID"
        return covers(self.searchable, path) is not None


def facet_value(leaf: Leaf) -> str:
    """How a value reads as a facet: ``true``, ``10``, ``10.5``."""
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    if isinstance(leaf, float) and leaf.is_integer():
        return str(int(leaf))
    return str(leaf)
