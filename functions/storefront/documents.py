"""The documents of a generation: which there are, what they are called, and which of them has what a reader wants.

There are three kinds. ``TREE0`` and ``TREE`` are what ``views.py`` calls so. ``FETCH`` has the entries of ``FETCH0``,
``FETCH1`` and ``LEAVES`` together, so that a category of any level is found with one read. Each is in as many documents
as it needs (``packing.py``), which are never changed once their generation is served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from functions.storefront.packing import Directory, find, pack

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

    from functions.storefront.views import Views

COLLECTION = "storefront_views"

Kind = Literal["TREE0", "TREE", "FETCH"]
# The key of what is one entry.
WHOLE = ""


@dataclass(frozen=True)
class Packed:
    """The documents of a generation.

    Args:
        directory: as the state of the storefront keeps it, for :func:`names_of`.
        contents: of each document, by name.
    """

    directory: bytes
    contents: Mapping[str, bytes]


def packed(views: "Views") -> Packed:
    """Views as documents."""
    entries: Mapping[Kind, Mapping[str, bytes]] = {
        "TREE0": {WHOLE: views.tree0},
        "TREE": {WHOLE: views.tree},
        "FETCH": {**views.fetch0, **views.fetch1, **views.leaves},
    }
    directories: dict[Kind, Directory] = {}
    contents: dict[str, bytes] = {}
    for kind, by_key in entries.items():
        directories[kind], parts = pack(by_key)
        contents |= {_name(kind, number): part for number, part in enumerate(parts)}
    return Packed(orjson.dumps(directories), contents)


def names_of(directory: bytes, kind: Kind, key: str) -> Sequence[str]:
    """The documents that have the entry of a key, if there is one: one, or for a very long entry several.

    Args:
        directory: of :class:`Packed`.
    """
    return [_name(kind, number) for number in find(orjson.loads(directory)[kind], key)]


def view_document(db: "AsyncClient", store_id: str, generation: int, name: str) -> Any:
    """The reference of a document, whose one field is ``content``."""
    return db.collection(COLLECTION).document(f"{_prefix(store_id, generation)}:{name}")


def view_documents(db: "AsyncClient", store_id: str, generation: int) -> Any:
    """The query of all documents that a generation has, or should not have, without their contents."""
    from google.cloud.firestore import FieldFilter

    prefix, collection = _prefix(store_id, generation), db.collection(COLLECTION)
    # The semicolon is what comes next to the colon.
    first, end = collection.document(f"{prefix}:"), collection.document(f"{prefix};")
    named = collection.where(filter=FieldFilter("__name__", ">=", first))
    return named.where(filter=FieldFilter("__name__", "<", end)).select(["__name__"])


def _prefix(store_id: str, generation: int) -> str:
    return f"{store_id}:{generation}"


def _name(kind: Kind, part: int) -> str:
    return f"{kind}:{part}"
