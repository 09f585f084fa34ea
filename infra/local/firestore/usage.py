"""What clients ask of a database and keep in it, for whoever compares that with what is declared."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from infra.local.firestore.production import Shape

FILE = "FIRESTORE_USAGE"
"""The environment variable that names the file."""


class Seen(BaseModel):
    """Either a query, or the names of fields that a document of a collection had."""

    query: Shape | None = None
    group: str = ""
    fields: tuple[str, ...] = ()


class Usage:
    """Notes every kind of query, and every field of every collection, once: as lines of a file.

    Several processes may append to one file.

    Args:
        file: None notes nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._queries: set[Shape] = set()
        self._fields: set[tuple[str, str]] = set()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """``FIRESTORE_USAGE`` names the file; nothing is noted without it."""
        return cls(Path(name) if (name := environ.get(FILE)) else None)

    def query(self, shape: Shape) -> None:
        """A query was asked."""
        if self._file is not None and shape not in self._queries:
            self._queries.add(shape)
            self._note(self._file, Seen(query=shape))

    def document(self, group: str, fields: Iterable[str]) -> None:
        """A document was written."""
        if self._file is None:
            return
        new = {(group, each) for each in fields} - self._fields
        if new:
            self._fields |= new
            self._note(self._file, Seen(group=group, fields=tuple(sorted(name for _, name in new))))

    def _note(self, file: Path, seen: Seen) -> None:
        # One write of one short line: what several processes append at once does not mix.
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{seen.model_dump_json(exclude_defaults=True)}\n".encode())
        finally:
            os.close(descriptor)


def read(file: Path) -> list[Seen]:
    """All that was noted in a file."""
    return [Seen.model_validate_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
