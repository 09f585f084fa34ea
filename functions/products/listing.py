"""Lists of a user's products: filtered by price and words of the name, in one of three orders, page by page.

A page is one range of one composite index, so that it costs about as many document reads as it shows products, however
many the user has. Firestore looks up one word, by its first characters; what is left of a name filter is checked here.
A price range in another order than by price walks index entries, of which Google bills 1,000 as one read.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from functions.products.model import ORDER_EXPONENT, Price, ProductSummary
from functions.products.names import MAX_ORDER, MAX_TOKEN, matches, words
from shared import cursors
from shared.cursors import Integer, Moment
from shared.queries import Query

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncCollectionReference, AsyncQuery

MAX_WORDS = 10
MAX_READS = 500
"""Documents that one page may read. A page that would take more is short, and its cursor leads on from there."""

_CHUNK = 100

Sort = Literal[
    "created_at", "-created_at", "product_price", "-product_price", "product_name", "-product_name"
]
Stored = dict[str, Any]
Position = tuple[Any, ...]


def _searchable(name: str) -> str:
    found = words(name)
    if not found:
        raise ValueError("has no letter or digit to search for")
    if len(found) > MAX_WORDS:
        raise ValueError(f"has more than {MAX_WORDS} words")
    return name


class ProductQuery(Query):
    """The query string of a list of products. Prices of all currencies compare as numbers; both bounds are inclusive.

    ``name`` finds products whose names have, for each of its words, a word that begins with it. Case and accents do not
    matter.
    """

    name: Annotated[str, Field(max_length=200), AfterValidator(_searchable)] | None = Field(
        None,
        description=f"Up to {MAX_WORDS} words, each the beginning of one of the name's; without case and accents.",
        json_schema_extra={"pattern": r"[\p{L}\p{N}]"},
    )
    min_price: Price | None = Field(None, description="Inclusive, and in any currency.")
    max_price: Price | None = Field(None, description="Inclusive, and in any currency.")
    sort: Sort = Field("-created_at", description="A minus reverses the order.")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(
        None,
        max_length=cursors.MAX_LENGTH,
        description="`next_cursor` of the page before, for the same list.",
    )

    @field_validator("max_price")
    @classmethod
    def _forward(cls, highest: str | None, info: ValidationInfo) -> str | None:
        lowest = info.data.get("min_price")
        if lowest and highest and order_units(lowest) > order_units(highest):
            raise ValueError("is below min_price")
        return highest

    @property
    def key(self) -> str:
        """What tells this list from others: all but the page."""
        return self.model_dump_json(exclude={"limit", "cursor"})


@dataclass(frozen=True)
class Page:
    """Stored products with their ``id``, without the fields that only queries use.

    ``next_cursor`` is None on the last page. A page may be short, even empty, and still have one.
    """

    products: list[Stored]
    next_cursor: str | None


def order_units(price: str) -> int:
    """A price in the units of ``price_order``, 10^-4 of any currency: "12.5" as 125,000."""
    whole, _, decimals = price.partition(".")
    return int(whole + decimals.ljust(ORDER_EXPONENT, "0"))


@dataclass(frozen=True)
class _Order:
    """An order of products: the fields of its sort key, before the id, and what its positions look like."""

    fields: tuple[str, ...]
    shape: TypeAdapter[Any]
    direction: str

    def position(self, product: Stored) -> Position:
        return (*(product[field] for field in self.fields), product["id"])


_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
_Name = Annotated[str, StringConstraints(max_length=MAX_ORDER)]

# The price comes before the id in each. Firestore wants a filtered field among the ordered ones; like this, the same
# indexes serve lists with and without a price range.
_SORT_KEYS: dict[str, tuple[tuple[str, ...], TypeAdapter[Any]]] = {
    "created_at": (("created_at", "price_order"), TypeAdapter(tuple[Moment, Integer, _Id])),
    "product_price": (("price_order",), TypeAdapter(tuple[Integer, _Id])),
    "product_name": (("name_order", "price_order"), TypeAdapter(tuple[_Name, Integer, _Id])),
}
_ORDERS = {
    sign + name: _Order(fields, shape, direction)
    for name, (fields, shape) in _SORT_KEYS.items()
    for sign, direction in (("", "ASCENDING"), ("-", "DESCENDING"))
}
_SHOWN = tuple(name for name in ProductSummary.model_fields if name != "id")


class Listing:
    """Pages of ``products``."""

    def __init__(self, db: "AsyncClient") -> None:
        self._products = db.collection("products")

    async def page(self, user_id: str, query: ProductQuery) -> Page:
        """The products of ``user_id`` that ``query`` asks for, from its cursor on.

        With one word to search for, or none, this reads one document more than the page shows. Otherwise it reads on
        until the page is full, up to ``MAX_READS`` documents.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        order = _ORDERS[query.sort]
        after = cursors.decode(query.key, query.cursor, order.shape) if query.cursor else None
        wanted = words(query.name or "")
        found: list[Stored] = []
        for size in _chunks(query.limit):
            chunk = await self._chunk(user_id, query, after, size)
            found += (product for product in chunk if _has_words(product, wanted))
            after = order.position(chunk[-1]) if len(chunk) == size else None
            if after is None or len(found) > query.limit:
                break
        if len(found) > query.limit:
            found = found[: query.limit]
            after = order.position(found[-1])
        return Page(
            [_shown(product) for product in found], cursors.encode(query.key, after) if after else None
        )

    async def _chunk(
        self, user_id: str, query: ProductQuery, after: Position | None, size: int
    ) -> list[Stored]:
        """The next candidates."""
        order = _ORDERS[query.sort]
        asked = candidates(self._products, user_id, query)
        asked = asked.select(dict.fromkeys((*_SHOWN, *order.fields))).limit(size)
        if after:
            *values, product_id = after
            place = dict(zip(order.fields, values, strict=True))
            asked = asked.start_after(place | {"__name__": self._products.document(product_id)})
        return [{"id": product.id} | (product.to_dict() or {}) for product in await asked.get()]


def candidates(products: "AsyncCollectionReference", user_id: str, query: ProductQuery) -> "AsyncQuery":
    """The documents among which all that a query asks for are, in its order."""
    asked = products.where(filter=FieldFilter("user_id", "==", user_id))
    if query.name:
        # The longest word is the rarest, as far as one can tell.
        token = max(words(query.name), key=len)[:MAX_TOKEN]
        asked = asked.where(filter=FieldFilter("name_tokens", "array_contains", token))
    if query.min_price:
        asked = asked.where(filter=FieldFilter("price_order", ">=", order_units(query.min_price)))
    if query.max_price:
        asked = asked.where(filter=FieldFilter("price_order", "<=", order_units(query.max_price)))
    order = _ORDERS[query.sort]
    for field in (*order.fields, "__name__"):
        asked = asked.order_by(field, direction=order.direction)
    return asked


def _chunks(limit: int) -> list[int]:
    """How many documents to read for a page at a time: what it shows and one more, and then more if it must be."""
    rest = MAX_READS - (limit + 1)
    return [limit + 1, *(min(_CHUNK, rest - read) for read in range(0, rest, _CHUNK))]


def _has_words(product: Stored, wanted: list[str]) -> bool:
    return not wanted or matches(words(product["product_name"]), wanted)


def _shown(product: Stored) -> Stored:
    return {name: product.get(name) for name in ProductSummary.model_fields}
