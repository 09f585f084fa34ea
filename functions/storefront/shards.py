"""The tree of categories as documents: sixteen shards of it, and a head that says which version they make together.

Whether a change is allowed depends on the whole tree, so a change is committed on the condition that the head is as it
was read along with the shards, and each change writes the head: of two changes at once, one is decided anew.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition

from functions.storefront.tree import Category, CategoryTree
from shared.clock import Clock
from shared.problems import Problem

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

COLLECTION = "category_shards"
TREE_COLLECTION = "category_tree"
HEAD = "head"
MAX_CATEGORIES = 20_000
# All of them in one commit, which takes 10 MiB at most, and each in one document, which takes 1 MiB.
MAX_SHARD_BYTES = 600_000
_SHARDS = 16


@dataclass(frozen=True)
class StoredTree:
    """The tree as it was read.

    Args:
        version: how many changes have led to it: 0 before the first.
        updated_at: when the latest of them was made.
        write_id: which write it was.
        update_time: of the head, for the precondition of the next.
    """

    tree: CategoryTree
    version: int = 0
    updated_at: datetime | None = None
    write_id: str = ""
    update_time: Any = None


def tree_documents(db: "AsyncClient") -> list[Any]:
    """The references of all that :func:`stored_tree` needs, to be read in one batch or transaction: 17 reads."""
    shards = (db.collection(COLLECTION).document(f"{number:02}") for number in range(_SHARDS))
    return [head_document(db), *shards]


def head_document(db: "AsyncClient") -> Any:
    """The reference of the head: ``version``, ``updated_at``, ``categories`` (how many) and ``write_id``."""
    return db.collection(TREE_COLLECTION).document(HEAD)


def stored_tree(snapshots: "Iterable[DocumentSnapshot[Any]]") -> StoredTree:
    """The tree in the documents of :func:`tree_documents`, in any order."""
    by_id: dict[str, Category] = {}
    head: dict[str, Any] = {}
    update_time = None
    for snapshot in snapshots:
        fields = snapshot.to_dict() or {}
        if snapshot.id == HEAD:
            head, update_time = fields, snapshot.update_time
        elif fields:
            by_id.update(_decoded(fields["content"]))
    return StoredTree(
        tree=CategoryTree(by_id),
        version=head.get("version", 0),
        updated_at=head.get("updated_at"),
        write_id=head.get("write_id", ""),
        update_time=update_time,
    )


class Shards:
    """The documents of the tree."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def read(self) -> StoredTree:
        """The whole tree: 17 reads.

        They belong together, since no document of a batch changes until its last one is read:
        https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#batchgetdocumentsresponse
        """
        return stored_tree([snapshot async for snapshot in self._db.get_all(tree_documents(self._db))])

    async def version(self) -> int:
        """Which version the tree is at: one read."""
        snapshot = await head_document(self._db).get(["version"])
        return int(snapshot.get("version")) if snapshot.exists else 0

    async def write(self, seen: StoredTree, after: CategoryTree, changed: Iterable[str]) -> int | None:
        """Put another tree in the place of what was read: a write for the head and for each shard that changes.

        Args:
            changed: the ids of the categories by which the two differ.

        Returns:
            The new version; ``None`` if somebody else has changed the tree meanwhile.

        Raises:
            Problem: 409, it would be too large.
        """
        contents = _encoded(after, {_shard_of(category_id) for category_id in changed})
        _check_size(after, list(contents.values()))
        write_id = secrets.token_hex(8)
        batch = self._db.batch()
        self._write_head(batch, seen, len(after), write_id)
        for number, content in contents.items():
            batch.set(self._db.collection(COLLECTION).document(f"{number:02}"), {"content": content})
        try:
            await batch.commit()
        except (Aborted, AlreadyExists, FailedPrecondition):
            # The client repeats a commit whose answer was lost, and then finds its own work in the way.
            found = await head_document(self._db).get(["write_id"])
            if not found.exists or found.get("write_id") != write_id:
                return None
        return seen.version + 1

    def _write_head(self, batch: "AsyncWriteBatch", seen: StoredTree, categories: int, write_id: str) -> None:
        document, now = head_document(self._db), self._clock()
        head = {"version": seen.version + 1, "updated_at": now, "categories": categories}
        if seen.update_time is None:
            batch.create(document, head | {"write_id": write_id})
        else:
            unchanged = self._db.write_option(last_update_time=seen.update_time)
            batch.update(document, head | {"write_id": write_id}, option=unchanged)


def _shard_of(category_id: str) -> int:
    return hashlib.blake2b(category_id.encode(), digest_size=1).digest()[0] % _SHARDS


def _decoded(content: bytes) -> dict[str, Category]:
    records = orjson.loads(content)
    return {key: Category(key, parent, level, name) for key, (parent, level, name) in records.items()}


def _encoded(tree: CategoryTree, numbers: Iterable[int]) -> dict[int, bytes]:
    """The content of some shards, as JSON, for the reason that pages of assortments are."""
    shards: dict[int, dict[str, Sequence[Any]]] = defaultdict(dict)
    for each in tree:
        shards[_shard_of(each.id)][each.id] = (each.parent_id, each.level, each.name)
    return {number: orjson.dumps(shards[number]) for number in sorted(numbers)}


def _check_size(tree: CategoryTree, contents: Sequence[bytes]) -> None:
    if len(tree) > MAX_CATEGORIES or max(map(len, contents), default=0) > MAX_SHARD_BYTES:
        detail = f"The tree may have {MAX_CATEGORIES:,} categories, and of long names fewer."
        raise Problem(409, "too-many-categories", detail)
