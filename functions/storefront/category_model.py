"""What ``/categories`` takes and answers."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from functions.storefront.shards import MAX_CATEGORIES
from functions.storefront.tree import Category, CategoryTree, Placement
from shared import cursors
from shared.assortments import CategoryId, ItemName
from shared.openapi import AnswerBody
from shared.queries import Query

MAX_BATCH = 500

IfMatch = Annotated[str, Field(description="The `ETag` of the tree that is meant.", examples=['"3"'])]
IfNoneMatch = Annotated[str, Field(description="The `ETag` of the tree that is known.", examples=['"3"'])]

# The shape of the cursors of a list: the id of the last category that was seen.
position: TypeAdapter[tuple[str]] = TypeAdapter(tuple[CategoryId])


class CategoryContent(BaseModel):
    """A category as it is to be. All that is below it moves with it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Without a default: who forgets it would move a category to the top.
    parent_id: CategoryId | None = Field(description="Null at the top.")
    # Not strict: to JSON Schema, 1.0 is an integer too.
    level: int | None = Field(
        None,
        ge=0,
        le=MAX_CATEGORIES,
        strict=False,
        description="How many categories are above it. It follows from the parent; whoever gives it is told when the "
        "two disagree.",
    )
    name: ItemName

    def placement(self, category_id: str) -> Placement:
        """The content as what is to be put in the tree."""
        return Placement(id=category_id, parent_id=self.parent_id, level=self.level, name=self.name)


class CategoryEntry(CategoryContent):
    """One of several categories as it is to be."""

    id: CategoryId


class CategoryBatch(BaseModel):
    """Categories that are put in the tree together, in whatever order: a child may come before its parent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: list[CategoryEntry] = Field(max_length=MAX_BATCH)


class CategoryQuery(Query):
    """A page of the list of all categories."""

    limit: int = Field(200, ge=1, le=1_000)
    cursor: str | None = Field(
        None, max_length=cursors.MAX_LENGTH, description="`next_cursor` of the page before."
    )


class CategoryRecord(AnswerBody):
    """A category as it is stored."""

    id: CategoryId
    parent_id: CategoryId | None
    level: int = Field(ge=0, description="How many categories are above it.")
    name: str


class CategoryPlace(CategoryRecord):
    """A category and where it is."""

    path: list[CategoryRecord] = Field(
        description="The category below its ancestors, from the top downwards."
    )
    children: list[CategoryRecord] = Field(description="What is right below it, by name.")


class CategoryPage(AnswerBody):
    """One page of the list of all categories, by id."""

    categories: list[CategoryRecord]
    total: int = Field(ge=0, description="How many there are in all.")
    next_cursor: str | None = Field(description="Null on the last page.")


class BatchPut(AnswerBody):
    """What a batch came to."""

    created: int = Field(ge=0)
    changed: int = Field(
        ge=0,
        description="Those that were there before and are different now, all that moved along among them.",
    )


def record(category: Category) -> dict[str, Any]:
    """A category as the members of :class:`CategoryRecord`."""
    return {name: getattr(category, name) for name in ("id", "parent_id", "level", "name")}


def place(tree: CategoryTree, category: Category) -> dict[str, Any]:
    """A category as the members of :class:`CategoryPlace`."""
    return {
        **record(category),
        "path": _records(tree.path(category.id)),
        "children": _records(tree.children(category.id)),
    }


def page(tree: CategoryTree, query: CategoryQuery) -> dict[str, Any]:
    """Some categories as the members of :class:`CategoryPage`."""
    (after,) = cursors.decode(_LIST, query.cursor, position) if query.cursor else ("",)
    rest = sorted((each for each in tree if each.id > after), key=lambda each: each.id)
    shown = rest[: query.limit]
    more = len(rest) > len(shown)
    return {
        "categories": _records(shown),
        "total": len(tree),
        "next_cursor": cursors.encode(_LIST, [shown[-1].id]) if more else None,
    }


# What tells this list from those of other functions.
_LIST = "categories"


def _records(categories: Iterable[Category]) -> list[dict[str, Any]]:
    return [record(each) for each in categories]
