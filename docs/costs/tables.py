"""The tables of ``docs/costs.md``, in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from docs.costs.model import Bill, Line, Model, Price, Variant

_BLOCK = re.compile(r"(?P<begin><!-- costs: (?P<name>[a-z ]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
# Lines below are shown together.
_LEAST_IDLE, _LEAST_BUSY = Decimal("0.01"), Decimal("0.05")
_BIGGEST = 10
_SEEN = {
    "page": "on the page",
    "region": "on the page, for another region",
    "older": "in an older copy of the page",
    "elsewhere": "elsewhere",
    "assumed": "**assumed**",
}

Row = Sequence[str]


def render(text: str, model: Model) -> str:
    """``text`` with each of its blocks ``<!-- costs: name -->`` … ``<!-- end -->`` filled anew.

    Raises:
        KeyError: there is no table of that name.
    """
    tables = _tables(model)
    return _BLOCK.sub(lambda block: f"{block['begin']}\n{tables[block['name']]}\n\n{block['end']}", text)


def _tables(model: Model) -> Mapping[str, str]:
    idle, busy = model.idle(), model.busy()
    return {
        "summary": _summary(model),
        "idle lines": _lines(idle, _LEAST_IDLE),
        "busy lines": _lines(busy, _LEAST_BUSY),
        "idle services": _services(idle),
        "busy services": _services(busy),
        "rooms": _rooms(idle, busy),
        "biggest": _biggest(busy),
        "variants": _variants(busy, model),
        "prices": _prices(model.prices.prices.values()),
    }


def _summary(model: Model) -> str:
    busy, idle, alerts, redis = model.busy(), model.idle(), model.option("alerts"), model.option("redis")
    named = {
        "Idle": idle,
        "Alerts (`alerts_enabled`)": alerts,
        "Redis and its connector (`redis_enabled`)": redis,
    }
    named |= {"The busy month, with what idles": busy, "… of it Algolia": _algolia(busy)}
    rows = [
        (name, _usd(bill.total), _usd(bill.free), f"**{_usd(bill.due)}**") for name, bill in named.items()
    ]
    return _table(("", "at list price", "free tiers", "to pay"), rows)


def _algolia(bill: Bill) -> Bill:
    return Bill([line for line in bill.lines if line.meter.startswith("algolia")])


def _lines(bill: Bill, least: Decimal) -> str:
    """Each line that comes to ``least``, dearest room first, and what the others come to."""
    shown = [line for line in bill.lines if line.amount >= least]
    shown.sort(key=lambda line: (-bill.in_room(line.work.room).total, line.work.room, -line.amount))
    others = bill.total - Bill(shown).total
    return _table(
        ("room", "unit", "units", "x each", "of", "x list price", "= USD"),
        [
            *(_line(line) for line in shown),
            ("", f"{len(bill.lines) - len(shown)} lines of less than {least}", "", "", "", "", _usd(others)),
            ("", "**all**", "", "", "", "", f"**{_usd(bill.total)}**"),
        ],
    )


def _line(line: Line) -> Row:
    return (
        line.work.room,
        line.work.unit,
        _number(line.units),
        _number(line.many),
        _meter(line),
        _price(line.price),
        _usd(line.amount),
    )


def _meter(line: Line) -> str:
    sort = line.meter.partition("/")[2]
    return line.price.what + (f" ({sort})" if sort else "")


def _services(bill: Bill) -> str:
    rows = [_service(bill, price) for price in sorted(bill.prices, key=lambda price: -bill.of(price).total)]
    totals = (bill.total, bill.free, bill.due)
    return _table(
        ("", "count", "list price", "USD", "free tier", "to pay"),
        [*rows, ("**all**", "", "", *(f"**{_usd(total)}**" for total in totals))],
    )


def _service(bill: Bill, price: Price) -> Row:
    lines, free = bill.of(price), bill.free_of(price)
    amounts = (lines.total, free, lines.total - free)
    return price.what, _count(price, lines.quantity), _price(price), *map(_usd, amounts)


def _count(price: Price, quantity: float) -> str:
    """A quantity as it is priced: in GiB, say, rather than in bytes."""
    if price.per_text:
        return f"{_number(quantity / price.per)} {price.per_text}"
    return f"{_number(quantity)} {price.plural}"


def _rooms(idle: Bill, busy: Bill) -> str:
    rooms = sorted(busy.rooms, key=lambda room: -busy.in_room(room).total)
    rows = [(room, _usd(idle.in_room(room).total), _usd(busy.in_room(room).total)) for room in rooms]
    return _table(
        ("room", "idle", "busy"), [*rows, ("**all**", f"**{_usd(idle.total)}**", f"**{_usd(busy.total)}**")]
    )


def _biggest(bill: Bill) -> str:
    largest = sorted(bill.lines, key=lambda line: -line.amount)[:_BIGGEST]
    rows = [
        (line.work.unit, _meter(line), _usd(line.amount), f"{line.amount / bill.total:.1%}")
        for line in largest
    ]
    return _table(("unit", "of", "USD", "of all"), rows)


def _variants(busy: Bill, model: Model) -> str:
    return _table(
        ("what if", "at list price", "to pay", "difference"),
        [_variant(variant, model.variant(variant), busy) for variant in model.workload.variants],
    )


def _variant(variant: Variant, bill: Bill, busy: Bill) -> Row:
    return variant.what, _usd(bill.total), _usd(bill.due), f"{bill.due - busy.due:+,.2f}"


def _prices(prices: Iterable[Price]) -> str:
    rows = [
        (price.what, _price(price), _free(price), _SEEN[price.seen], f"[page]({price.url})")
        for price in prices
    ]
    return _table(("", "list price", "free a month", "seen", ""), rows)


def _price(price: Price) -> str:
    per = price.per_text or (f"{price.per:,} {price.plural}" if price.per > 1 else price.unit)
    return f"${_digits(price.usd)} / {per}"


def _digits(usd: Decimal) -> str:
    """All that there are, and two decimals at least."""
    digits = f"{usd.normalize():f}"
    return f"{usd:.2f}" if len(digits.partition(".")[2]) < 2 else digits


def _free(price: Price) -> str:
    return f"{_count(price, float(price.free))} ({price.whose})" if price.free else ""


def _usd(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _number(value: float) -> str:
    """With as many digits as it takes to do the sum again."""
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.4g}"


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
