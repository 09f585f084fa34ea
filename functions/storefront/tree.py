"""The tree of categories, an adjacency list of up to 100 levels: what may be changed in it, and what changes then."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.assortments import CategoryId, ItemName
from shared.errors import BackstockError

# Shops have five or so. Without a limit, the paths of one long chain would take longer to walk than a rebuild may take.
MAX_LEVELS = 100
# Of a path that is longer than twice this, both ends say enough to people.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Category:
    """One record of the tree.

    Args:
        parent_id: ``None`` at the top.
        level: how many categories are above it: 0 at the top.
    """

    id: str
    parent_id: str | None
    level: int
    name: str


class Placement(BaseModel):
    """Where somebody wants a category to be, new or not.

    ``level`` follows from the parent; whoever gives it wants to be told when the two disagree.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: CategoryId
    parent_id: CategoryId | None = None
    level: int | None = Field(None, ge=0)
    name: ItemName


class TreeRefusal(BackstockError):
    """A change that would leave something that is no tree, or not the tree that the caller thinks of.

    Args:
        kind: ``repeated``: the same category twice in one change. ``has-children``: it cannot be removed before them.
            ``too-deep``: it, or what moves with it, would have more than :data:`MAX_LEVELS` levels.
        category_id: which one cannot be as it was asked for.
        detail: the same for people.
        path: the ids that show why, from the top downwards: the loop, which ends as it begins; the missing parent and
            its child; the category below its ancestors; or the category and its children.
    """

    def __init__(
        self,
        kind: Literal["cycle", "orphan", "wrong-level", "too-deep", "has-children", "repeated"],
        category_id: str,
        detail: str,
        path: Sequence[str],
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.category_id = category_id
        self.detail = detail
        self.path = tuple(path)


class CategoryTree:
    """Categories that are a tree: parents exist, nothing is above itself, and levels are depths. It never changes."""

    def __init__(self, by_id: Mapping[str, Category]) -> None:
        self._by_id = by_id
        self._children: dict[str | None, list[str]] = defaultdict(list)
        for category in by_id.values():
            self._children[category.parent_id].append(category.id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Category]:
        return iter(self._by_id.values())

    def get(self, category_id: str) -> Category | None:
        """The category of this id, if there is one."""
        return self._by_id.get(category_id)

    def children(self, category_id: str | None) -> list[Category]:
        """The categories right below one, or those at the top for ``None``; by name, then by id."""
        found = [self._by_id[child] for child in self._children.get(category_id, ())]
        return sorted(found, key=by_name)

    def path(self, category_id: str) -> list[Category]:
        """A category below its ancestors, from the top downwards; empty if there is no such category."""
        found = []
        category = self._by_id.get(category_id)
        while category is not None:
            found.append(category)
            category = self._by_id.get(category.parent_id) if category.parent_id is not None else None
        return found[::-1]

    def changed(self, changes: Mapping[str, Category]) -> "CategoryTree":
        """The tree after changes that :meth:`put_all` has allowed."""
        return CategoryTree({**self._by_id, **changes})

    def put(self, placement: Placement) -> dict[str, Category]:
        """As :meth:`put_all` of one."""
        return self.put_all([placement])

    def put_all(self, placements: Sequence[Placement]) -> dict[str, Category]:
        """All of these at once, in whatever order: a child may come before its parent.

        Returns:
            The records that change, with all below a category that moves; empty if everything is as it is to be.

        Raises:
            TreeRefusal: the first of :meth:`refusals`.
        """
        for refusal in self.refusals(placements):
            raise refusal
        wanted = {each.id: each for each in placements}
        settled = (category for each in placements for category in self._settled(each, wanted))
        return {each.id: each for each in settled if self._by_id.get(each.id) != each}

    def refusals(self, placements: Sequence[Placement]) -> list[TreeRefusal]:
        """Why these cannot be put all at once: one for each that is at fault itself; empty if they can."""
        wanted = {each.id: each for each in placements}
        if len(wanted) < len(placements):
            # As long as it is open which of two counts, nothing else can be judged.
            return list(_repeated(placements))
        judged = (_judged(each, self._trail(each.id, wanted)) for each in placements)
        # Only what is a tree has levels.
        return [refusal for refusal in judged if refusal] or list(self._too_deep(placements, wanted))

    def removed(self, category_id: str) -> "CategoryTree":
        """The tree without a category that has nothing below it; the same tree if it was not there.

        Raises:
            TreeRefusal: something is below it.
        """
        children = self.children(category_id)
        if children:
            path = [each.id for each in [*self.path(category_id), children[0]]]
            detail = (
                f"{len(children)} categories are right below it: {_shown(path)}. Move or remove them first."
            )
            raise TreeRefusal("has-children", category_id, detail, path)
        return CategoryTree({key: each for key, each in self._by_id.items() if key != category_id})

    def _trail(self, category_id: str, wanted: Mapping[str, Placement]) -> list[str | None]:
        """Upwards from a category as it is wanted: to ``None`` above the top, or else to an id where the way ends.

        That id is one of no category, or one that was passed before.
        """
        trail: dict[str | None, None] = {category_id: None}
        above: str | None = category_id
        while above is not None:
            record = wanted.get(above) or self._by_id.get(above)
            if record is None:
                break
            above = record.parent_id
            if above in trail:
                return [*trail, above]
            trail[above] = None
        return list(trail)

    def _too_deep(
        self, placements: Sequence[Placement], wanted: Mapping[str, Placement]
    ) -> Iterator[TreeRefusal]:
        for each in placements:
            deepest = max(self._settled(each, wanted), key=lambda category: category.level)
            if deepest.level >= MAX_LEVELS:
                path = [above for above in self._trail(each.id, wanted) if above is not None][::-1]
                level = f"level {deepest.level}, and {MAX_LEVELS - 1} is the last"
                yield TreeRefusal(
                    "too-deep", each.id, f"{deepest.id} would be at {level}: {_shown(path)}.", path
                )

    def _settled(self, placement: Placement, wanted: Mapping[str, Placement]) -> Iterator[Category]:
        """The record that is wanted, and those below it that are moved by nothing else."""
        level = len(self._trail(placement.id, wanted)) - 2
        yield Category(placement.id, placement.parent_id, level, placement.name)
        before = self._by_id.get(placement.id)
        shift = level - before.level if before else 0
        below = [placement.id] if shift else []
        while below:
            for child in self._children.get(below.pop(), ()):
                if child not in wanted:
                    record = self._by_id[child]
                    yield replace(record, level=record.level + shift)
                    below.append(child)


def by_name(category: Category) -> tuple[str, str]:
    """The order in which categories are shown: by name, in small letters, and by id where names are equal."""
    return category.name.casefold(), category.id


def _repeated(placements: Sequence[Placement]) -> Iterator[TreeRefusal]:
    times = Counter(each.id for each in placements)
    for category_id in (each for each, count in times.items() if count > 1):
        detail = f"{category_id} is there {times[category_id]} times: which one counts?"
        yield TreeRefusal("repeated", category_id, detail, [category_id])


def _judged(placement: Placement, trail: Sequence[str | None]) -> TreeRefusal | None:
    """What is wrong with a placement, by the trail that begins with it.

    A trail that goes wrong further up is the fault of another placement of the same change.
    """
    *passed, end = trail
    ids = [each for each in passed[::-1] if each is not None]
    if end is None:
        level = len(ids) - 1
        if placement.level in (None, level):
            return None
        shown = _shown([f"{each} ({depth})" for depth, each in enumerate(ids)])
        detail = f"Its level is {level}, not {placement.level}: {shown}."
        return TreeRefusal("wrong-level", placement.id, detail, ids)
    if end == placement.id:
        loop = [end, *ids]
        return TreeRefusal("cycle", placement.id, f"It would be below itself: {_shown(loop)}.", loop)
    if len(passed) > 1:
        return None
    path = [end, placement.id]
    return TreeRefusal("orphan", placement.id, f"There is no category {end}: {_shown(path)}.", path)


def _shown(path: Sequence[str]) -> str:
    """A path as one reads it; only the ends of a long one."""
    ends = [*path[:_SHOWN], "…", *path[-_SHOWN:]] if len(path) > 2 * _SHOWN else path
    return " > ".join(ends)
