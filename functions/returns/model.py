"""A return, as the warehouse sends it and as ``order_returns`` keeps it."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.currencies import Currency
from shared.money import minor_units
from shared.timestamps import Timestamp

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
