"""Made-up returns that look like two months of a warehouse's work. The same day gives the same returns."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from infra.local.demo.shops import Market, Product, Shop, load_market

COUNT = 2400
_DAYS = 60
_SEED = 20_150_715

# What happens to a return, in order, and how many hours each step takes (shortest, longest).
_STEPS = (
    ("approved", 2, 30),
    ("picked_up", 12, 96),
    ("in_transit", 2, 12),
    ("received", 24, 110),
    ("inspected", 4, 48),
    ("refunded", 6, 72),
)
_BEFORE_HANDOVER = ("requested", "approved", "cancelled")
_CANCELLED_SHARE, _REJECTED_SHARE, _NOT_PICKED_UP_SHARE = 0.06, 0.05, 0.04
_PICKUP_DAYS = 7  # a label that nobody used lapses
_REFUND_DAYS = 2  # an inspected return is paid out without anyone's doing


@dataclass(frozen=True)
class _Progress:
    """How far a return has come, and what time alone will make of it."""

    status: str
    since: datetime
    next_status: str | None = None
    next_status_at: datetime | None = None


def demo_returns(day: date, count: int = COUNT) -> Iterator[dict[str, Any]]:
    """``count`` returns of all shops as ``POST /returns/batch`` takes them, of the ``_DAYS`` days before ``day``.

    Nothing has happened later than the beginning of ``day`` (UTC); some statuses change by themselves within it.
    """
    dice = random.Random(_SEED)
    until = datetime(day.year, day.month, day.day, tzinfo=UTC)
    market = load_market()
    shops = dice.choices(market.shops, weights=[shop.share for shop in market.shops], k=count)
    for number, shop in enumerate(shops, start=1):
        yield _return(dice, market, shop, number, until)


def _return(dice: random.Random, market: Market, shop: Shop, number: int, until: datetime) -> dict[str, Any]:
    # The power makes recent days busier: returns under way are what a person looks for.
    requested = until - timedelta(minutes=1 + int(_DAYS * 1440 * dice.random() ** 1.7))
    progress = _progress(dice, requested, until)
    items = _items(dice, shop)
    city, country = dice.choice(shop.cities)
    carrier, tracking_start = dice.choice(shop.carriers)
    tracking_number = f"{tracking_start}{dice.randrange(10**9, 10**10)}"
    handed_over = progress.status not in _BEFORE_HANDOVER
    result = {
        "return_id": f"RET-{number:06d}",
        "account": shop.account,
        "order_id": f"{shop.prefix}-{dice.randrange(10_000, 99_999)}",
        "status": progress.status,
        "reason": dice.choices(list(market.reasons), weights=list(market.reasons.values()))[0],
        "items": [_item(product, quantity) for product, quantity in items],
        "currency": shop.currency,
        "refund_amount": _money(_refund(dice, items, progress.status)),
        "customer": {
            "name": f"{dice.choice(shop.given_names)} {dice.choice(shop.family_names)}",
            "city": city,
            "country": country,
        },
        "warehouse": dice.choice(shop.warehouses),
        "carrier": carrier if handed_over else None,
        "tracking_number": tracking_number if handed_over else None,
        "requested_at": _time(requested),
        "external_updated_at": _time(progress.since),
    }
    if progress.next_status and progress.next_status_at:
        result["next_status"] = progress.next_status
        result["next_status_at"] = _time(progress.next_status_at)
    return result


def _progress(dice: random.Random, requested: datetime, until: datetime) -> _Progress:
    """Let a return go its way until ``until``."""
    fate = dice.random()
    status, since = "requested", requested
    for step, shortest, longest in _STEPS:
        at = since + timedelta(minutes=dice.randint(60 * shortest, 60 * longest))
        if at > until:
            break
        if status == "requested" and fate < _CANCELLED_SHARE:
            return _Progress("cancelled", at)
        if status == "inspected" and fate > 1 - _REJECTED_SHARE:
            return _Progress("rejected", at)
        if status == "approved" and _CANCELLED_SHARE <= fate < _CANCELLED_SHARE + _NOT_PICKED_UP_SHARE:
            break
        status, since = step, at
    return _waiting(status, since)


def _waiting(status: str, since: datetime) -> _Progress:
    """What becomes of a return to which nothing more happens: the warehouse sends no event for that."""
    if status == "approved":
        return _Progress(status, since, "cancelled", since + timedelta(days=_PICKUP_DAYS))
    if status == "inspected":
        return _Progress(status, since, "refunded", since + timedelta(days=_REFUND_DAYS))
    return _Progress(status, since)


def _items(dice: random.Random, shop: Shop) -> list[tuple[Product, int]]:
    kinds = dice.choices((1, 2, 3, 4, 5), weights=(58, 24, 11, 5, 2))[0]
    quantities = dice.choices((1, 2, 3), weights=(85, 12, 3), k=kinds)
    return list(zip(dice.sample(shop.products, kinds), quantities, strict=True))


def _item(product: Product, quantity: int) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "name": product.name,
        "quantity": quantity,
        "unit_price": _money(product.cents),
    }


def _refund(dice: random.Random, items: list[tuple[Product, int]], status: str) -> int:
    """All of the price, less a handling fee now and then; nothing for what is turned down or called off."""
    if status in ("rejected", "cancelled"):
        return 0
    total = sum(product.cents * quantity for product, quantity in items)
    return total - dice.choices((0, 495, total // 10), weights=(80, 12, 8))[0]


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
