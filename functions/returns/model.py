"""A return, as the warehouse sends it and as ``order_returns`` keeps it."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from shared.currencies import Currency
from shared.money import minor_units

Status = Literal[
    "requested",
    "approved",
    "picked_up",
    "in_transit",
    "received",
    "inspected",
    "refunded",
    "rejected",
    "cancelled",
]
STATUSES: tuple[str, ...] = get_args(Status)

_RFC3339 = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$")
# Nothing in a shop is older or further away, and UTC arithmetic stays within what a datetime can hold.
_YEARS = range(1970, 2200)


def _written_as_rfc3339(value: Any) -> Any:
    # Already a datetime when a stored document is read back.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.match(value)):
        return value
    raise ValueError("must be an RFC 3339 date-time with a zone, such as 2026-11-20T09:30:00Z")


def _in_utc(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise ValueError(f"must lie between {_YEARS.start} and {_YEARS.stop - 1}")
    return value.astimezone(UTC)


def _whole(value: Any) -> Any:
    # JSON knows one kind of numbers: there, 2.0 is an integer as good as 2.
    return int(value) if isinstance(value, float) and value.is_integer() else value


# An id is a Firestore document id and an Algolia objectID: no slash, and never the reserved "__x__".
ReturnId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Account = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Amount = Annotated[
    str,
    StringConstraints(pattern=r"^\d{1,12}(\.\d{1,4})?$"),
    Field(description="Decimal, with at most the currency's decimals."),
]
# What JSON Schema can say of _YEARS.
TIMESTAMP_SCHEMA = {"type": "string", "format": "date-time", "pattern": r"^(19[7-9]\d|2[01]\d\d)-"}
Timestamp = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_written_as_rfc3339),
    AfterValidator(_in_utc),
    WithJsonSchema(TIMESTAMP_SCHEMA, mode="validation"),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Item(_Part):
    """One line of the order that comes back; ``unit_price`` is a decimal string in the return's currency."""

    sku: Label
    name: Label
    quantity: Annotated[int, BeforeValidator(_whole)] = Field(ge=1, le=1_000_000)
    unit_price: Amount


class Customer(_Part):
    """Who sends it back, as far as a shop needs it to find the return again."""

    name: Label
    city: Label
    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")


class ReturnContent(_Part):
    """What the warehouse says of a return.

    ``external_updated_at`` is the warehouse's own time of the change: it orders what arrives out of order.
    ``next_status`` takes effect at ``next_status_at`` by the passing of time alone, with no further message; they go
    together.
    """

    account: Account
    order_id: Label
    status: Status
    reason: Label
    items: list[Item] = Field(min_length=1, max_length=200)
    currency: Currency
    refund_amount: Amount
    customer: Customer
    warehouse: Label
    carrier: Label | None = Field(description="Null until the return is handed over.")
    tracking_number: Label | None = Field(description="Null until the return is handed over.")
    requested_at: Timestamp
    external_updated_at: Timestamp
    next_status_at: Timestamp | None = None
    next_status: Status | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.next_status is None) != (self.next_status_at is None):
            raise ValueError("next_status and next_status_at go together")
        for amount in (self.refund_amount, *(item.unit_price for item in self.items)):
            minor_units(amount, self.currency)
        return self


class _Named(_Part):
    return_id: ReturnId


class Return(ReturnContent, _Named):
    """The warehouse's view of one return."""
