"""Which attributes of a record are indexed for what, and how a record falls apart into them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Leaf = str | int | float | bool


def leaves(record: dict[str, Any]) -> dict[str, list[Leaf]]:
    """Every scalar of a record under its dotted path; the elements of an array share the array's path."""
    found: dict[str, list[Leaf]] = {}
    for name, value in record.items():
        _collect(found, name, value)
    return found


def _collect(found: dict[str, list[Leaf]], path: str, value: Any) -> None:
    if isinstance(value, dict):
        for name, child in value.items():
            _collect(found, f"{path}.{name}", child)
    elif isinstance(value, list):
        for child in value:
            _collect(found, path, child)
    elif value is None:
        return
    elif path in found:
        found[path].append(value)
    else:
        found[path] = [value]


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
