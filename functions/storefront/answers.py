"""What ``/storefront`` answers, for the OpenAPI document: at run time it answers with bytes and plain dictionaries."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from shared.assortments import CategoryId, ProductId, Sku, StoreId
from shared.openapi import AnswerBody

Count = Annotated[int, Field(ge=0)]
GenerationNumber = Annotated[
    int, Field(ge=1, description="Grows with each rebuild; the `ETag` is made of it.")
]
IfNoneMatch = Annotated[
    str, Field(description="The `ETag` of the generation that is known.", examples=['"3"'])
]


class ShownProduct(AnswerBody):
    """A product as shoppers see it in a category."""

    # What has no value is absent.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    sku: Sku
    name: str
    price: str = Field(description="A decimal number.", examples=["12.50"])
    currency: str = Field(description="ISO 4217.", examples=["EUR"])
    product_id: ProductId | None = Field(None, description="Its id in the catalog")


class CategoryName(AnswerBody):
    """A category, and how many products it has with those of its descendants."""

    id: CategoryId
    name: str
    products: Count


class CategoryWithBest(CategoryName):
    """A category and its best products."""

    best: list[ShownProduct] = Field(description="At most 20, the best first.")


class TopCategory(CategoryWithBest):
    """A category of the main page."""

    children: list[CategoryName]


class MainPage(AnswerBody):
    """The main page of a store: its top categories, by name."""

    generation: GenerationNumber
    categories: list[TopCategory]


class StoreCategory(CategoryWithBest):
    """The page of a category of any of the three levels."""

    generation: GenerationNumber
    level: int = Field(ge=0, le=2)
    parent_id: CategoryId | None
    children: list[CategoryWithBest]


class Branch(CategoryName):
    """A category of the tree."""

    level: int = Field(ge=0, le=2)
    children: list["Branch"]


class WholeTree(AnswerBody):
    """All categories of a store that have products."""

    generation: GenerationNumber
    categories: list[Branch]


class GenerationView(AnswerBody):
    """A generation that is kept."""

    generation: GenerationNumber
    built_at: datetime
    retired_at: datetime | None = Field(description="Since when it is not served any more.")
    categories_version: Count = Field(description="Of the categories that it was built from.")
    products: Count
    categories: Count
    unavailable: Count = Field(description="Items that were left out, since they are not available.")
    homeless: Count = Field(description="Items that were left out, since there is no such category.")


class StorefrontState(AnswerBody):
    """What is served of a store, what is kept, and what is asked for."""

    store_id: StoreId
    current: GenerationNumber | None = Field(description="The generation that is served.")
    requested: Count = Field(description="The ticket that was drawn last.")
    built: Count = Field(description="Tickets up to this one are settled.")
    building: GenerationNumber | None = Field(description="The generation that somebody builds.")
    generations: list[GenerationView] = Field(description="The newest first.")


class RebuildRequested(AnswerBody):
    """A rebuild that was asked for."""

    store_id: StoreId
    ticket: int = Field(ge=1, description="It is done when `built` of the state has reached it.")


class EventsAccepted(AnswerBody):
    """A batch of events that was taken in."""

    store_id: StoreId
    batch_id: str
    events: Count
