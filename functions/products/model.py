"""A product, as its seller sends it, as ``products`` keeps it and as the API shows it."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    UrlConstraints,
    ValidationInfo,
    field_validator,
)

from functions.products.names import name_order, tokens
from shared.currencies import Currency
from shared.money import decimal_string, exponent, minor_units
from shared.openapi import AnswerBody

# ISO 4217 knows up to 4 decimals: in units of 10^-4, prices in all currencies compare as numbers.
ORDER_EXPONENT = 4

PRODUCT_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROL = re.compile(f"[{_CONTROLS}]")
# For who reads the schema: something visible, on one line once what is around it has been stripped.
_ONE_LINE = rf"^[ \t\r\n]*[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*[ \t\r\n]*$"
# Without what a parser of URLs would repair in silence: spaces, control characters, backslashes, missing slashes.
_PLAIN_URL = re.compile(r"https://[^/\\\s\x00-\x1f\x7f][^\\\s\x00-\x1f\x7f]*", re.IGNORECASE)
_MAX_URL = 2048


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line, without control characters")
    return text


_https = TypeAdapter(Annotated[HttpUrl, UrlConstraints(allowed_schemes=["https"], host_required=True)])


def _https_url(text: str) -> str:
    """``text`` as a normal URL. It goes to others, so it must not carry a password."""
    url = _https.validate_python(text)
    if not _PLAIN_URL.fullmatch(text):
        raise ValueError("must be a whole URL, without spaces, control characters and backslashes")
    if url.username or url.password:
        raise ValueError("must not hold a user name or password")
    normal = str(url)
    if len(normal) > _MAX_URL:
        raise ValueError(f"must have at most {_MAX_URL} characters when it is percent-encoded")
    return normal


ProductId = Annotated[str, Field(pattern=f"^{PRODUCT_ID.pattern}$")]
ProductName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": _ONE_LINE}),
]
Price = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$"), Field(examples=["89.90"])]
ImageUrl = Annotated[
    str,
    Field(max_length=_MAX_URL, json_schema_extra={"format": "uri", "pattern": "^https://"}),
    AfterValidator(_https_url),
]


class ProductContent(BaseModel):
    """What a seller says of a product; ``product_price`` is exact, with at most the currency's decimals."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    product_name: ProductName
    product_description: str = Field("", max_length=10_000)
    # Before the price, which is judged by it.
    currency: Currency
    product_price: Price
    product_images: list[ImageUrl] = Field([], max_length=20)

    @field_validator("product_price")
    @classmethod
    def _exact(cls, price: str, info: ValidationInfo) -> str:
        currency = info.data.get("currency")
        if currency and len(price.partition(".")[2]) > exponent(currency):
            raise ValueError(f"{price} has more than the {exponent(currency)} decimals of {currency}")
        return price


class Product(AnswerBody):
    """A product as the API shows it. Each write makes a new ``version``, by which its ``ETag`` is named."""

    id: ProductId
    user_id: str = Field(description="Whose it is: the `sub` of the token that made it.")
    product_name: ProductName
    product_description: str
    product_price: Price
    currency: Currency
    product_images: list[ImageUrl]
    compressed_product_images: list[str] = Field(description="Made of `product_images`, some time later.")
    version: int = Field(ge=1)
    created_at: datetime
    updated_at: datetime


def stored_fields(content: ProductContent) -> dict[str, Any]:
    """The fields of a product's document that its content decides: the price in minor units, and what queries use."""
    units = minor_units(content.product_price, content.currency)
    return {
        **content.model_dump(),
        "product_price": units,
        "price_order": units * 10 ** (ORDER_EXPONENT - exponent(content.currency)),
        "name_order": name_order(content.product_name),
        "name_tokens": tokens(content.product_name),
    }


def view(product_id: str, stored: dict[str, Any]) -> dict[str, Any]:
    """The members of :class:`Product`, from a product's document."""
    price = decimal_string(stored["product_price"], stored["currency"])
    return {name: stored.get(name) for name in Product.model_fields} | {
        "id": product_id,
        "product_price": price,
    }


def content_of(stored: dict[str, Any]) -> dict[str, Any]:
    """The members of :class:`ProductContent`, from a product's document: what a patch is applied to."""
    shown = view("", stored)
    return {name: shown[name] for name in ProductContent.model_fields}
