"""What the room's APIs answer, for the OpenAPI document: at run time they answer with plain dictionaries."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from functions.returns.model import (
    Account,
    Amount,
    Customer,
    Item,
    Label,
    Return,
    ReturnId,
    Status,
)
from shared.currencies import Currency
from shared.openapi import AnswerBody, ProblemDetails
from shared.timestamps import Timestamp


class StoredReturn(Return):
    """A return, and when it was last written."""

    model_config = AnswerBody.model_config

    updated_at: Timestamp


class Saved(AnswerBody):
    """What became of a return that was sent; `stale` is older than what is stored and changes nothing."""

    return_id: ReturnId
    outcome: Literal["created", "updated", "unchanged", "stale"]


class Refused(AnswerBody):
    """What is wrong with one return of a batch."""

    return_id: str | None = Field(description="As it was sent; null where that is no text.")
    outcome: Literal["invalid"]
    problem: ProblemDetails


class BatchAnswer(AnswerBody):
    """An outcome for each return of a batch, in their order."""

    results: list[Saved | Refused]


class Removed(AnswerBody):
    """What became of a removal; `stale` is older than what is stored and removes nothing."""

    return_id: ReturnId
    outcome: Literal["deleted", "unchanged", "stale"]


class ResyncAnswer(AnswerBody):
    """The run that pushes the returns again."""

    run_id: str


class Hit(AnswerBody):
    """A return as the index holds it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    return_id: ReturnId = Field(alias="objectID")
    account: Account
    account_key: str = Field(
        pattern="^([0-9a-f]{2})+$", description="The account in hexadecimal, which has no case."
    )
    order_id: Label
    status: Status = Field(description="The one in force at the last push.")
    reason: Label
    items: list[Item] = Field(max_length=200)
    items_truncated: Literal[True] = Field(
        True, description="There were too many items to index all of them."
    )
    item_count: int = Field(ge=1, description="The pieces of all items.")
    currency: Currency
    refund_amount: Amount
    refund_value: float = Field(ge=0, description="For sorting; `refund_amount` is exact.")
    customer: Customer
    warehouse: Label
    carrier: Label | None
    tracking_number: Label | None
    requested_at: datetime
    requested_at_ts: int = Field(description="In seconds since 1970.")
    changed_at: datetime
    changed_at_ts: int = Field(description="In seconds since 1970.")
    highlights: dict[str, Any] = Field(
        alias="_highlightResult",
        description="Where the words were found, by attribute, with `<em>` around them.",
    )


class SearchAnswer(AnswerBody):
    """One page of what was found."""

    hits: list[Hit]
    total: int = Field(ge=0)
    page: int = Field(ge=0)
    pages: int = Field(ge=0)
    facets: dict[str, dict[str, int]] = Field(
        description="How often each value occurs, by the facets asked for."
    )
    took_ms: int = Field(ge=0, description="In the index, in milliseconds.")


class SearchKey(AnswerBody):
    """An Algolia key that finds the caller's returns only."""

    key: str
    app_id: str
    indices: list[str] = Field(description="By relevance, then one for each order.")
    expires_at: datetime
