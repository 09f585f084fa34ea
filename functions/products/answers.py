"""What the catalog's API takes and answers besides products, for the OpenAPI document."""

from typing import Annotated

from pydantic import Field

from functions.products.model import ProductSummary
from shared.openapi import AnswerBody

MAX_KEY = 255

IdempotencyKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_KEY,
        pattern="^[ -~]*$",
        description="For 24 hours, requests with the same key and body get the answer of the first one.",
    ),
]
IfMatch = Annotated[str, Field(description="The `ETag` of the version that is meant.", examples=['"3"'])]
IfNoneMatch = Annotated[str, Field(description="The `ETag` of the version that is known.", examples=['"3"'])]


class ProductPage(AnswerBody):
    """One page of a list. It may be short, even empty, and still have a next one."""

    products: list[ProductSummary]
    next_cursor: str | None = Field(description="Null on the last page.")
