"""A product, as its seller sends it, as ``products`` keeps it and as the API shows it."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

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
from shared.images import MAX_IMAGES
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
_PLAIN_URL = re.compile(r"https?://[^/\\\s\x00-\x1f\x7f][^\\\s\x00-\x1f\x7f]*", re.IGNORECASE)
_MAX_URL = 2048


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line, without control characters")
    return text


_web = TypeAdapter(Annotated[HttpUrl, UrlConstraints(allowed_schemes=["https", "http"], host_required=True)])


def _image_url(text: str) -> str:
    """``text`` as a normal URL. It goes to others, so it must not carry a password.

    Whether plain http will do depends on the deployment: :class:`functions.products.images.Sources`.
    """
    url = _web.validate_python(text)
    if not _PLAIN_URL.fullmatch(text):
        raise ValueError("must be a whole URL, without spaces, control characters and backslashes")
    if url.username or url.password:
        raise ValueError("must not hold a user name or password")
    normal = str(url)
    if len(normal) > _MAX_URL:
        raise ValueError(f"must have at most {_MAX_URL} characters when it is percent-encoded")
    return normal


ImageStatus = Literal["pending", "done", "failed"]
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
    Field(max_length=_MAX_URL, json_schema_extra={"format": "iri", "pattern": "^https?://"}),
    AfterValidator(_image_url),
]


class ProductContent(BaseModel):
    """What a seller says of a product; ``product_price`` is exact, with at most the currency's decimals."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    product_name: ProductName
    product_description: str = Field("", max_length=10_000)
    # Before the price, which is judged by it.
    currency: Currency
    product_price: Price
    product_images: list[ImageUrl] = Field([], max_length=MAX_IMAGES)

    @field_validator("product_price")
    @classmethod
    def _exact(cls, price: str, info: ValidationInfo) -> str:
        currency = info.data.get("currency")
        if currency and len(price.partition(".")[2]) > exponent(currency):
            raise ValueError(f"{price} has more than the {exponent(currency)} decimals of {currency}")
        return price


class Original(AnswerBody):
    """An image as it came: its size is that of the upright picture, in pixels."""

    media_type: str = Field(
        description="As its bytes say, whatever it was said to be.", examples=["image/jpeg"]
    )
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    bytes: int = Field(ge=1)
    frames: int = Field(ge=1, description="More than 1 for an animation.")


class Rendition(AnswerBody):
    """An image made smaller; the file behind ``url`` never changes."""

    name: str = Field(examples=["large", "medium", "thumb"])
    url: str
    media_type: str = Field(examples=["image/webp"])
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    bytes: int = Field(ge=1)
    saving: float = Field(le=1, description="The share of the original's bytes that it saves.")


class ProductImage(AnswerBody):
    """What has become of one image. After a later failure, the renditions that were good stay."""

    id: str
    source: str = Field(description="As in `product_images`.")
    status: ImageStatus
    attempts: int = Field(ge=0)
    error: str = Field(description="Why it failed, if it did.")
    original: Original | None
    renditions: list[Rendition] = Field(description="The most important first.")


class ProductSummary(AnswerBody):
    """A product as lists show it. Each write makes a new ``version``, by which its ``ETag`` is named."""

    id: ProductId
    user_id: str = Field(description="Whose it is: the `sub` of the token that made it.")
    product_name: ProductName
    product_description: str
    product_price: Price
    currency: Currency
    product_images: list[ImageUrl]
    compressed_product_images: list[str | None] = Field(
        description="What was made of `product_images`, place by place; null while there is nothing yet."
    )
    version: int = Field(ge=1)
    created_at: datetime
    updated_at: datetime


class Product(ProductSummary):
    """A product as the API shows it: a new ``version`` comes of each write, also when an image is done."""

    images: list[ProductImage] = Field(description="What has become of `product_images`, place by place.")


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


def summary(product_id: str, stored: dict[str, Any]) -> dict[str, Any]:
    """The members of :class:`ProductSummary`, from a product's document."""
    price = decimal_string(stored["product_price"], stored["currency"])
    own = {"id": product_id, "product_price": price}
    return {name: stored.get(name) for name in ProductSummary.model_fields} | own


def view(product_id: str, stored: dict[str, Any]) -> dict[str, Any]:
    """The members of :class:`Product`, from a product's document."""
    return summary(product_id, stored) | {"images": [_image(entry) for entry in stored.get("images", [])]}


def _image(entry: dict[str, Any]) -> dict[str, Any]:
    """The members of :class:`ProductImage` in their order, which the database does not keep."""
    return {
        **_members(ProductImage, entry),
        "original": entry["original"] and _members(Original, entry["original"]),
        "renditions": [_members(Rendition, rendition) for rendition in entry["renditions"]],
    }


def _members(model: type[AnswerBody], stored: dict[str, Any]) -> dict[str, Any]:
    return {name: stored[name] for name in model.model_fields}


def content_of(stored: dict[str, Any]) -> dict[str, Any]:
    """The members of :class:`ProductContent`, from a product's document: what a patch is applied to."""
    shown = summary("", stored)
    return {name: shown[name] for name in ProductContent.model_fields}
