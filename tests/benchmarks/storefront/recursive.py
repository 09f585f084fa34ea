"""The main page read as it is written, beside ours: categories that link to their parents, and items looked up.

This is the first system of those who taught us: a record for each category with its parent's id, and for each level a
look-up of the next, with the best items of each. It gets every advantage. What the database can do, it does: 30 parents
to a query, only items that are to be had, queries of a level at once. Views and orders are in the items' own
documents, what they are compared with was computed beforehand, and they are ranked by the product's own code. What
remains is the way itself: to know the best of a department, read all that is below it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.storefront.ranking import Prior, prior_of
from tests.benchmarks.storefront.market import Category, Item

CATEGORIES, ITEMS, STORES = "adjacent_categories", "adjacent_items", "adjacent_stores"
# The most values that Firestore takes in one `in`. https://firebase.google.com/docs/firestore/query-data/queries
MOST_PARENTS = 30
_QUERIES_AT_ONCE = 16
_WRITES = 500
_COMMITS_AT_ONCE = 4

Document = dict[str, Any]


@dataclass
class Node:
    """A category as it was read, with what is below it."""

    id: str
    name: str
    children: list["Node"] = field(default_factory=list)
    items: list[Document] = field(default_factory=list)

    def all_items(self) -> Iterator[Document]:
        """Its own and its descendants'."""
        yield from self.items
        for child in self.children:
            yield from child.all_items()


class RecursiveStorefront:
    """Reads a store's whole tree, from the top down.

    Args:
        parents: how many categories are asked about in one query; 1 is the way it is mostly written.
    """

    def __init__(self, db: AsyncClient, parents: int = MOST_PARENTS) -> None:
        self._db = db
        self._parents = parents
        self._queries = asyncio.Semaphore(_QUERIES_AT_ONCE)

    async def tree(self, store_id: str) -> list[Node]:
        """The departments, with everything below them and all that the store has to sell there."""
        records = await self._found(self._db.collection(CATEGORIES).where(filter=_is("parent_id", None)))
        level = tops = [Node(record["id"], record["name"]) for record in records]
        while level:
            nodes = {node.id: node for node in level}
            level, _ = await asyncio.gather(self._children(nodes), self._fill(nodes, store_id))
        return tops

    async def prior(self, store_id: str) -> Prior:
        """What the store's items are compared with."""
        snapshot = await self._db.collection(STORES).document(store_id).get()
        return Prior(snapshot.get("alpha"), snapshot.get("beta"))

    async def _children(self, parents: Mapping[str, Node]) -> list[Node]:
        """The next level, hung below its parents."""
        children = []
        for record in await self._of_each(self._db.collection(CATEGORIES), "parent_id", list(parents)):
            children.append(Node(record["id"], record["name"]))
            parents[record["parent_id"]].children.append(children[-1])
        return children

    async def _fill(self, nodes: Mapping[str, Node], store_id: str) -> None:
        """Give each category its items."""
        sold = self._db.collection(ITEMS).where(filter=_is("store_id", store_id))
        to_be_had = sold.where(filter=_is("available", True))
        for item in await self._of_each(to_be_had, "category_id", list(nodes)):
            nodes[item["category_id"]].items.append(item)

    async def _of_each(self, query: Any, name: str, ids: Sequence[str]) -> list[Document]:
        """What ``query`` finds with one of ``ids`` in the field ``name``."""
        asked = [ids[start : start + self._parents] for start in range(0, len(ids), self._parents)]
        queries = (query.where(filter=FieldFilter(name, "in", some)) for some in asked)
        return list(chain.from_iterable(await asyncio.gather(*map(self._found, queries))))

    async def _found(self, query: Any) -> list[Document]:
        async with self._queries:
            return [snapshot.to_dict() async for snapshot in query.stream()]


def _is(name: str, value: object) -> FieldFilter:
    return FieldFilter(name, "==", value)


async def write_categories(db: AsyncClient, categories: Iterable[Category]) -> None:
    """A document for each category."""
    await _write(db, ((f"{CATEGORIES}/{each.id}", each._asdict()) for each in categories))


async def write_store(db: AsyncClient, store_id: str, items: Sequence[Item]) -> None:
    """A document for each of a store's items, and one for the store."""
    prior = prior_of([(item.views, item.orders) for item in items])
    await db.collection(STORES).document(store_id).set(asdict(prior))
    await _write(
        db, ((f"{ITEMS}/{store_id}:{each.sku}", each._asdict() | {"store_id": store_id}) for each in items)
    )


async def _write(db: AsyncClient, documents: Iterable[tuple[str, Document]]) -> None:
    waiting = list(documents)
    chunks = iter([waiting[start : start + _WRITES] for start in range(0, len(waiting), _WRITES)])

    async def work() -> None:
        for chunk in chunks:
            batch = db.batch()
            for path, fields in chunk:
                batch.set(db.document(path), fields)
            await batch.commit()

    await asyncio.gather(*(work() for _ in range(_COMMITS_AT_ONCE)))
