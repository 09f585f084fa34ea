"""What one line of a feed may say. This is the truth; :mod:`functions.prices.screening` is the fast way to it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from shared.assortments import PRODUCT_ID_PATTERN, CategoryId, ItemName, Sku, StoreId
from shared.currencies import Currency
from shared.money import minor_units

PRICE_WHOLE = r"[0-9]{1,12}"
_PRICE = re.compile(rf"{PRICE_WHOLE}(\.[0-9]+)?")
# Any decimal number of so many digits is a float and back without a change (IEEE 754).
_EXACT_DIGITS = 15
# By the text in lower case, which is also what becomes of JSON's own true and false.
AVAILABLE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NO_PRODUCT = rf"^({PRODUCT_ID_PATTERN.strip('^$')})?$"
LONGEST_COLUMN = 64
"""Characters of an unknown column's name that are told of it."""

_EXPECTED = {
    "store_id": "must be 1 to 64 letters, digits, hyphens and underscores",
    "sku": "must be 1 to 64 printable ASCII characters, none of them space, comma, semicolon, quote or backslash",
    "currency": "must be the ISO 4217 code of a currency with minor units, such as EUR",
    "price": (
        "must be a decimal number such as 12.50, of at most 12 digits before the point and no more decimals than the "
        "currency has; a JSON number of more than 15 digits must be given as text"
    ),
    "available": "must be true, false, 1, 0, yes or no",
    "name": "must be 1 to 200 characters, none of them a control character",
    "category_id": "must be 1 to 64 letters, digits, hyphens and underscores",
    "product_id": "must be empty, or 1 to 64 letters and digits",
}


class BadLine(NamedTuple):
    """A record that is not used, and why.

    Attributes:
        line: the number of the physical line on which it begins; the first is 1.
        column: the first column that is wrong; ``None`` when the line is no record at all.
        reason: for the retailer to read.
    """

    line: int
    column: str | None
    reason: str


class Fault(NamedTuple):
    """A :class:`BadLine` whose place is not known yet."""

    column: str | None
    reason: str


def _units(value: object, info: ValidationInfo) -> int:
    text = decimal_text(value)
    if not _PRICE.fullmatch(text):
        raise ValueError("not a price")
    currency = info.data.get("currency")
    # Without a currency the line is bad in any case.
    return minor_units(text, currency) if currency else 0


def decimal_text(value: object) -> str:
    """A price as text: as it was written, or a JSON number's shortest decimal form.

    Raises:
        ValueError: neither text nor a number, or a number of so many digits that it may not be what was written.
    """
    match value:
        case str():
            return value
        case int() if not isinstance(value, bool):
            return str(value)
        case float() if len(repr(value).replace(".", "").strip("0")) <= _EXACT_DIGITS:
            # The shortest text that is this float: what was written, and never 0.1000000000000000055.
            return repr(value)
        case _:
            raise ValueError("no text, and no number that is exact")


def _flag(value: object) -> bool:
    known = AVAILABLE.get(str(value).lower()) if isinstance(value, str | int) else None
    if known is None:
        raise ValueError("neither true nor false")
    return known


def _or_empty(value: object) -> object:
    return "" if value is None else value


class FeedLine(BaseModel):
    """One item of one store, as a feed has it: text from CSV, and the types of JSON from JSON Lines.

    ``price`` is read as the decimal text that it is, and becomes integer minor units of ``currency``. An empty
    ``product_id`` says that the item is not linked to the catalog.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    store_id: StoreId
    sku: Sku
    currency: Currency
    # After the currency, which says how many decimals it may have.
    price: Annotated[int, BeforeValidator(_units)]
    available: Annotated[bool, BeforeValidator(_flag)]
    name: ItemName
    category_id: CategoryId
    product_id: Annotated[str, StringConstraints(pattern=_NO_PRODUCT), BeforeValidator(_or_empty)] = ""


def checked(values: Mapping[str, Any]) -> FeedLine | Fault:
    """A line by its columns, or what is the matter with it."""
    try:
        return FeedLine.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    column = str(first["loc"][0])
    if first["type"] == "missing":
        return Fault(column, "is missing")
    if first["type"] == "extra_forbidden":
        return Fault(column[:LONGEST_COLUMN], "is not a column of feeds")
    return Fault(column, _EXPECTED[column])
