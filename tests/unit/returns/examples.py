"""Returns for tests: valid ones, and a way to change one thing about them."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from functions.returns.model import STATUSES, Return

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def content(**changes: Any) -> dict[str, Any]:
    """A valid return as a message carries it."""
    return {
        "return_id": "R-1",
        "account": "acme",
        "order_id": "O-77",
        "status": "requested",
        "reason": "too_small",
        "items": [{"sku": "SKU-1", "name": "Linen shirt", "quantity": 2, "unit_price": "19.90"}],
        "currency": "EUR",
        "refund_amount": "39.80",
        "customer": {"name": "Ada Lind", "city": "Malmö", "country": "SE"},
        "warehouse": "malmo-1",
        "carrier": "PostNord",
        "tracking_number": "PN123456789SE",
        "requested_at": "2026-10-30T08:00:00Z",
        "external_updated_at": "2026-11-01T12:00:00Z",
    } | changes


def a_return(**changes: Any) -> Return:
    return Return.model_validate(content(**changes))


def stored(updated_at: datetime = AT, **changes: Any) -> dict[str, Any]:
    """A valid return as its document holds it."""
    fields = a_return(**changes).model_dump()
    return fields | {"deleted": False, "updated_at": updated_at}


labels = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=40)
amounts = st.decimals(0, 10_000, places=2).map(str)
items = st.builds(
    lambda sku, name, quantity, price: {"sku": sku, "name": name, "quantity": quantity, "unit_price": price},
    labels,
    labels,
    st.integers(1, 99),
    amounts,
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
contents = st.builds(
    lambda status, reason, lines, amount, at: content(
        status=status, reason=reason, items=lines, refund_amount=amount, external_updated_at=at.isoformat()
    ),
    st.sampled_from(STATUSES),
    labels,
    st.lists(items, min_size=1, max_size=30),
    amounts,
    moments,
)
