"""Changes of the tree that come at once, that are repeated, or that are too much."""

from functools import partial
from typing import Any

import pytest

from functions.storefront.category_changes import Refused
from functions.storefront.shards import MAX_CATEGORIES, StoredTree
from functions.storefront.tree import Category, CategoryTree, Placement
from shared.problems import Problem
from tests.integration.storefront.platform import Platform
from tests.integration.storefront.world import FirestoreServer

# More gates than a change has.
GATES = range(40)


@pytest.fixture
def platform(worlds: FirestoreServer) -> Platform:
    return Platform(worlds.database(), worlds.clock)


async def put(platform: Platform, *placements: Placement) -> None:
    await platform.changes.put(placements, lambda version: None)


async def test_two_moves_at_once_never_make_a_cycle_together(worlds: FirestoreServer) -> None:
    for gate in GATES:
        platform = Platform(worlds.database(), worlds.clock)
        await put(platform, Placement(id="a", name="A"), Placement(id="b", name="B"))
        outcomes: list[str] = []
        for category_id, parent_id in (("a", "b"), ("b", "a")):
            await platform.begin(category_id, partial(_move, platform, category_id, parent_id, outcomes))
        first, second = platform.works
        for _ in range(gate):
            if first in platform.works:
                await platform.step(first)
        under_way = first in platform.works
        await platform.to_its_end(second)
        await platform.finish()
        assert sorted(outcomes) == ["cycle", "moved"]
        tree = (await platform.shards.read()).tree
        assert sorted(each.level for each in tree) == [0, 1]
        if not under_way:
            return
    raise AssertionError("more gates are needed")


async def _move(platform: Platform, category_id: str, parent_id: str, outcomes: list[str]) -> None:
    placement = Placement(id=category_id, parent_id=parent_id, name=category_id)
    try:
        await platform.changes.put([placement], lambda version: None)
    except Refused as error:
        outcomes.append(error.refusals[0].kind)
    else:
        outcomes.append("moved")


async def test_changes_of_different_categories_at_once_are_all_made(platform: Platform) -> None:
    for number in range(4):
        await platform.put(f"c{number}")
    await platform.finish()
    stored = await platform.shards.read()
    assert {each.id for each in stored.tree} == {"c0", "c1", "c2", "c3"}
    assert stored.version == 4


class Repeating:
    """Firestore whose client repeats each commit, as it does when the answer is lost on its way."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def commit(self, *args: Any, **kwargs: Any) -> Any:
        await self._target.commit(*args, **kwargs)
        return await self._target.commit(*args, **kwargs)


async def test_a_change_whose_answer_is_lost_is_made_once(platform: Platform) -> None:
    platform.db._firestore_api_internal = Repeating(platform.db._firestore_api)
    await put(platform, Placement(id="food", name="Food"), Placement(id="nuts", name="Nuts"))
    changed = await platform.changes.remove("nuts", lambda version: None)
    assert changed.version == 2
    assert [each.id for each in changed.tree] == ["food"]


@pytest.mark.parametrize(("categories", "letters"), [(MAX_CATEGORIES + 1, 1), (MAX_CATEGORIES, 200)])
async def test_a_tree_that_cannot_be_stored_is_refused(
    platform: Platform, categories: int, letters: int
) -> None:
    by_id = {f"c{number}": Category(f"c{number}", None, 0, "水" * letters) for number in range(categories)}
    with pytest.raises(Problem, match="too-many-categories"):
        await platform.shards.write(StoredTree(CategoryTree({})), CategoryTree(by_id), by_id)
