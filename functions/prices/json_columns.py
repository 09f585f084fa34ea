"""JSON Lines as columns: an object a line."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson
import pyarrow as pa

from functions.prices.blocks import MAX_RECORD_BYTES, Block
from functions.prices.feeds import COLUMNS
from functions.prices.lines import Fault, decimal_text
from functions.prices.parsing import Parsed, with_line_feeds

_REQUIRED = COLUMNS[:-1]
_required_of = itemgetter(*_REQUIRED)
_PRODUCT = "product_id"


class JsonFormat:
    """JSON Lines (jsonlines.org): objects whose members are the columns. The order does not matter."""

    def parse(self, block: Block) -> Parsed:
        """See :class:`functions.prices.parsing.Format`."""
        # Arrow would take longer to hand them out one by one.
        lines = with_line_feeds(block).split(b"\n")[:-1]
        rows: list[int] = []
        others: list[int] = []
        values: list[tuple[Any, ...]] = []
        for index, line in enumerate(lines):
            row = _row(line)
            if row is not None:
                rows.append(index)
                values.append(row)
            elif line:
                others.append(index)
        return Parsed(len(lines), _columns(values), pa.array(rows, pa.int64()), others, lines.__getitem__)

    def values(self, record: str) -> Mapping[str, Any] | Fault:
        """See :class:`functions.prices.parsing.Format`."""
        try:
            values = orjson.loads(record)
        except orjson.JSONDecodeError:
            return Fault(None, "is not JSON")
        return values if isinstance(values, dict) else Fault(None, "is no JSON object")


def _row(line: bytes) -> tuple[Any, ...] | None:
    """An object's members in the order of the columns; ``None`` if there are others or too few, or it is no object."""
    if not 0 < len(line) <= MAX_RECORD_BYTES:
        return None
    try:
        members = orjson.loads(line)
        required = _required_of(members)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
    if len(members) == len(_REQUIRED):
        return (*required, "")
    return (*required, members[_PRODUCT]) if _PRODUCT in members and len(members) == len(COLUMNS) else None


def _columns(rows: Sequence[tuple[Any, ...]]) -> Mapping[str, pa.Array]:
    columns = dict(zip(COLUMNS, zip(*rows, strict=True) if rows else [()] * len(COLUMNS), strict=True))
    return {name: _TEXTS.get(name, _texts)(column) for name, column in columns.items()}


def _texts(column: Sequence[Any]) -> pa.Array:
    """A column as text, with null for what is none."""
    try:
        return pa.array(column, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([value if isinstance(value, str) else None for value in column], pa.string())


def _prices(column: Sequence[Any]) -> pa.Array:
    return _texts([value if type(value) is str else _price(value) for value in column])


def _price(value: object) -> str | None:
    try:
        return decimal_text(value)
    except ValueError:
        return None


def _flags(column: Sequence[Any]) -> pa.Array:
    return _texts([str(value) if type(value) is bool else value for value in column])


_TEXTS = {"price": _prices, "available": _flags}
