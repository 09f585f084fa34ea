"""What an entry point can reach, seen in the text: from name to name, through functions, classes and imports.

Of a class, all methods are reached: what its methods would touch, its maker is taken to touch.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
_PACKAGES = ("functions", "shared")
# To say how a queue is called or how often it tries is not to enqueue.
_ONLY_SAID = {"name", "max_attempts"}


class Name(NamedTuple):
    """A name at the top of a module."""

    module: str
    name: str


@dataclass(frozen=True)
class Module:
    """The text of one module."""

    name: str
    tree: ast.Module

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What it defines at its top."""
        found: dict[str, Definition] = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
        return found

    @cached_property
    def imports(self) -> dict[str, Name]:
        """What it takes from the product's modules, wherever in it; of a module itself, the name is empty."""
        found: dict[str, Name] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _PACKAGES:
                found |= {each.asname or each.name: Name(node.module or "", each.name) for each in node.names}
        return found


@dataclass(frozen=True)
class Product:
    """The product's text.

    Args:
        root: holds ``functions`` and ``shared``.
    """

    root: Path

    def module(self, name: str) -> Module | None:
        """A module, or None where there is no such file."""
        return _module(self.root, name)

    def modules(self, package: str) -> Iterator[Module]:
        """All modules below a package."""
        for file in sorted(self.root.joinpath(*package.split(".")).rglob("*.py")):
            module = self.module(".".join(file.relative_to(self.root).with_suffix("").parts))
            if module is not None:
                yield module

    def definition(self, name: Name) -> Definition | None:
        """Where a name is defined, if that is in the product."""
        module = self.module(name.module)
        return module.definitions.get(name.name) if module else None

    def reached(self, start: Name) -> dict[Name, Definition]:
        """All definitions that one leads to, itself among them."""
        found: dict[Name, Definition] = {}
        waiting = [start]
        while waiting:
            name = waiting.pop()
            definition = self.definition(name)
            if name not in found and definition is not None:
                found[name] = definition
                waiting.extend(_mentioned(self, name))
        return found

    def attributes(self, names: Iterable[Name]) -> set[str]:
        """The names of all attributes in these definitions."""
        return {each for name in names for each in _attributes(self, name)}


@cache
def _mentioned(product: Product, where: Name) -> frozenset[Name]:
    """The names that a definition leads to at once."""
    module, definition = product.module(where.module), product.definition(where)
    assert module is not None
    assert definition is not None
    found = set()
    for node in _code(definition):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (source := module.imports.get(node.value.id)) is not None:
                found.add(Name(f"{source.module}.{source.name}", node.attr))
        elif isinstance(node, ast.Name):
            found.add(module.imports.get(node.id, Name(where.module, node.id)))
    return frozenset(found)


@cache
def _attributes(product: Product, where: Name) -> frozenset[str]:
    definition = product.definition(where)
    assert definition is not None
    return frozenset(node.attr for node in _code(definition) if isinstance(node, ast.Attribute))


@cache
def _module(root: Path, name: str) -> Module | None:
    path = root.joinpath(*name.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    return Module(name, ast.parse(file.read_text("utf-8"))) if file.exists() else None


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """A definition without its annotations, which run nothing."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_said(child):
                yield from _code(child)


def _is_said(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in _ONLY_SAID
