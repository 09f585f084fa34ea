"""Changing the tree of categories: read all of it, decide, write what differs, and have the storefronts told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from functions.storefront.fan_outs import FanOuts
from functions.storefront.shards import Shards, StoredTree
from functions.storefront.tree import CategoryTree, Placement, TreeRefusal
from shared.errors import BackstockError, TransientError
from shared.problems import Problem
from shared.turns import turns

# Raises a problem when the tree is not at the version that the caller means.
Precondition = Callable[[int], None]


class Refused(BackstockError):
    """A change would leave what is no tree, or not the tree that the caller thinks of; nothing was changed.

    Args:
        refusals: why, for each category that is at fault.
    """

    def __init__(self, refusals: Sequence[TreeRefusal]) -> None:
        super().__init__("; ".join(each.detail for each in refusals))
        self.refusals = refusals


@dataclass(frozen=True)
class Changed:
    """The tree after a change.

    Args:
        version: of the tree; as before if nothing was different from what was asked for.
        created: the ids of the categories that are new.
        changed: of all that differ, those among them whose level changes with an ancestor.
    """

    tree: CategoryTree
    version: int
    created: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()


Decision = Callable[[StoredTree], Changed]


@dataclass(frozen=True)
class CategoryChanges:
    """Changes of the tree, each of them one commit: 17 reads, and 2 to 17 writes."""

    shards: Shards
    fan_outs: FanOuts

    async def put(self, placements: Sequence[Placement], precondition: Precondition) -> Changed:
        """Create, rename or move categories, all or none of them, in whatever order.

        Raises:
            Refused: what would be left is no tree.
            Problem: 409, the tree would be too large; or as ``precondition`` does.
            TransientError: others keep changing the tree.
        """

        def decide(seen: StoredTree) -> Changed:
            if refusals := seen.tree.refusals(placements):
                raise Refused(refusals)
            changes = seen.tree.put_all(placements)
            created = frozenset(key for key in changes if seen.tree.get(key) is None)
            return Changed(seen.tree.changed(changes), seen.version, created, frozenset(changes))

        return await self._commit(decide, precondition)

    async def remove(self, category_id: str, precondition: Precondition) -> Changed:
        """Remove a category that has nothing below it.

        Raises:
            Refused: something is below it.
            Problem: 404, there is no such category; or as ``precondition`` does.
            TransientError: others keep changing the tree.
        """

        def decide(seen: StoredTree) -> Changed:
            if seen.tree.get(category_id) is None:
                raise no_category(category_id)
            try:
                after = seen.tree.removed(category_id)
            except TreeRefusal as refusal:
                raise Refused([refusal]) from refusal
            return Changed(after, seen.version, changed=frozenset({category_id}))

        return await self._commit(decide, precondition)

    async def _commit(self, decide: Decision, precondition: Precondition) -> Changed:
        async for _ in turns():
            seen = await self.shards.read()
            precondition(seen.version)
            after = decide(seen)
            if not after.changed:
                return after
            version = await self.shards.write(seen, after.tree, after.changed)
            if version is not None:
                await self.fan_outs.announce()
                return replace(after, version=version)
        raise TransientError("Others keep changing the categories.")


def no_category(category_id: str) -> Problem:
    """The answer where there is no such category."""
    return Problem(404, "not-found", f"There is no category {category_id!r}.")
