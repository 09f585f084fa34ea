"""Which rows are good beyond doubt, seen by columns: what a line may say, as far as Arrow's kernels can tell.

A row that is doubtful here may be good all the same; :mod:`functions.prices.lines` decides. Rows of which this is sure
come out as that module would have them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from functions.prices.lines import AVAILABLE, PRICE_WHOLE
from shared.assortments import ID_PATTERN, PRODUCT_ID_PATTERN, SKU_PATTERN, STORE_PATTERN
from shared.money import exponent

# ISO 4217 has none with more.
_MOST_DECIMALS = 4
_PRICE = rf"^{PRICE_WHOLE}(\.[0-9]{{1,{_MOST_DECIMALS}}})?$"
_POWERS = pa.array([10**power for power in range(_MOST_DECIMALS + 1)], pa.int64())
_CURRENCY = re.compile("[A-Z]{3}")
_OPTIONAL_PRODUCT = rf"^({PRODUCT_ID_PATTERN.strip('^$')})?$"
# Stricter than shared.assortments.NAME_PATTERN at the edges, so that nothing is left to trim: \pZ is all white space.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\x{2028}\x{2029}"
_NAME = rf"^[^\pZ{_CONTROLS}]([^{_CONTROLS}]{{0,198}}[^\pZ{_CONTROLS}])?$"


@dataclass(frozen=True)
class Screened:
    """Rows of columns as they were screened.

    Attributes:
        sure: which rows are good.
        store_ids: a dictionary.
        lines: what a part holds of each sure row.
    """

    sure: pa.Array
    store_ids: pa.Array
    lines: pa.Array


def screened(columns: Mapping[str, pa.Array]) -> Screened:
    """Screen the columns of :class:`functions.prices.parsing.Parsed`."""
    store_ids, currencies, flags, category_ids = (
        _dictionary(columns[name]) for name in ("store_id", "currency", "available", "category_id")
    )
    product_ids = columns.get("product_id", pa.repeat("", len(store_ids)))
    flag = _mapped(flags, _flag, pa.string())
    price, priced = _minor_units(columns["price"], _mapped(currencies, _exponent, pa.int32()))
    sure = [
        _each(store_ids, STORE_PATTERN),
        _matches(columns["sku"], SKU_PATTERN),
        priced,
        pc.is_valid(flag),
        _matches(columns["name"], _NAME),
        _each(category_ids, ID_PATTERN),
        _matches(product_ids, _OPTIONAL_PRODUCT),
    ]
    texts = [columns["sku"], price, currencies, flag, category_ids, product_ids, columns["name"]]
    return Screened(reduce(pc.and_, sure), store_ids, _lines(texts))


def _dictionary(column: pa.Array) -> pa.DictionaryArray:
    return column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)


def _matches(column: pa.Array, pattern: str) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(column, pattern), False)


def _each(column: pa.DictionaryArray, pattern: str) -> pa.Array:
    return pc.fill_null(_matches(column.dictionary, pattern).take(column.indices), False)


def _mapped(column: pa.DictionaryArray, of: Callable[[str], object | None], to: pa.DataType) -> pa.Array:
    return pa.array(map(of, column.dictionary.to_pylist()), to).take(column.indices)


def _flag(text: str) -> str | None:
    known = AVAILABLE.get(text.lower())
    return None if known is None else str(int(known))


def _exponent(currency: str) -> int | None:
    try:
        return exponent(currency) if _CURRENCY.fullmatch(currency) else None
    except ValueError:
        return None


def _minor_units(prices: pa.Array, exponents: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Prices as the text of integer minor units, and for which rows that is right.

    Args:
        exponents: how many decimals each may have, null where the currency is none.
    """
    point = pc.find_substring(prices, ".")
    behind = pc.subtract(pc.binary_length(prices), pc.add(point, 1))
    missing = pc.subtract(exponents, pc.if_else(pc.less(point, 0), 0, behind))
    right = pc.and_(_matches(prices, _PRICE), pc.fill_null(pc.greater_equal(missing, 0), False))
    digits = pc.if_else(right, pc.replace_substring(prices, ".", ""), "0").cast(pa.int64())
    units = pc.multiply(digits, _POWERS.take(pc.if_else(right, missing, 0)))
    return units.cast(pa.string()), right


def _lines(texts: list[pa.Array]) -> pa.Array:
    decoded = [text.dictionary_decode() if pa.types.is_dictionary(text.type) else text for text in texts]
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*decoded, "\t"), "", "\n")
