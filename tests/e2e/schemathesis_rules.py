"""What JSON Schema cannot say: rules between fields, which the document states in words.

Schemathesis makes requests that are valid field by field; these hooks make them valid as a whole.
"""

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext
from schemathesis.generation.meta import TestPhase

from functions.products.listing import MAX_WORDS
from functions.products.names import words
from shared.money import exponent

# The gateway takes 8,190 bytes of method, path and query.
_MAX_QUERY = 8_000
_requests = itertools.count()
_PAGES = {
    "GET /ops/dead-letters",
    "GET /ops/actions",
    "GET /ops/runs",
    "GET /ops/runs/audit/{run_id}/findings",
    "GET /categories",
    "GET /price-runs",
    "GET /price-runs/{run_id}",
}

# In the years that the document's pattern names: of all that the format allows, too few would lie there.
schemathesis.openapi.format(
    "date-time",
    st.builds(
        "{:%Y-%m-%dT%H:%M:%S}{}{}".format,
        st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)),
        st.from_regex(r"(\.[0-9]{1,9})?", fullmatch=True),
        st.sampled_from(["Z", "z", "+00:00", "-23:59", "+14:00"]),
    ),
)


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """One currency for each number of decimals: every one of them would be a request of its own."""
    raw_schema["components"]["schemas"]["Currency"]["enum"] = ["EUR", "JPY", "KWD", "CLF"]


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """No longer request lines than reach the functions."""
    return len(urlencode(case.query, doseq=True)) < _MAX_QUERY


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    for name, values in case.query.items():
        if isinstance(values, list):
            # On the way, one value with a comma and two values are the same.
            case.query[name] = [v.replace(",", ";") if isinstance(v, str) else v for v in values]
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _obey(case, case.meta.phase.name)


def _obey(case: Case, phase: TestPhase) -> None:
    match case.operation.label:
        case "PUT /returns/{return_id}":
            _obey_as_return(case.body)
        case "POST /returns/batch":
            for message in case.body["returns"]:
                _obey_as_return(message)
        case "POST /returns/resync" | "POST /ops/runs:resync":
            dates = sorted((case.body["start_date"], case.body["end_date"]), key=_moment)
            case.body["start_date"], case.body["end_date"] = dates
        case "GET /search-order-return-index-data" if page := case.query.get("page"):
            case.query["page"] = int(page) % 100
        case "GET /products":
            _obey_as_listing(case.query)
        case label if label in _PAGES:
            _obey_as_page(case.query)
        case "POST /ops/jobs":
            # What can be repaired is known once there was an audit, and only returns have an index of their own.
            case.body = {"kind": "audit", "subject": case.body["subject"]}
        case "POST /products":
            _obey_as_product(case.body)
            if key := case.headers.get("Idempotency-Key"):
                # Another request with the same key has the same body.
                case.headers["Idempotency-Key"] = f"{next(_requests)} {key}"[:255]
        case "PUT /products/{product_id}":
            _obey_as_product(case.body)
        case "PATCH /products/{product_id}":
            # Whether a price has too many decimals depends on the currency, which may be the stored one.
            case.body.pop("currency", None)
            if price := case.body.get("product_price"):
                case.body["product_price"] = _with_decimals(price, 0)
        case "DELETE /returns/{return_id}" if phase is TestPhase.STATEFUL:
            # The latest there can be: a removal that is older than its return removes nothing.
            case.query = {"external_updated_at": "2199-12-31T23:59:59Z"}


def _obey_as_return(message: dict[str, Any]) -> None:
    digits = exponent(message["currency"])
    message["refund_amount"] = _with_decimals(message["refund_amount"], digits)
    for item in message["items"]:
        item["unit_price"] = _with_decimals(item["unit_price"], digits)
    if message.get("next_status") is None or message.get("next_status_at") is None:
        message.pop("next_status", None)
        message.pop("next_status_at", None)


def _obey_as_product(content: dict[str, Any]) -> None:
    content["product_price"] = _with_decimals(content["product_price"], exponent(content["currency"]))


def _obey_as_page(query: dict[str, Any]) -> None:
    # Cursors are made by the API alone.
    query.pop("cursor", None)


def _obey_as_listing(query: dict[str, Any]) -> None:
    _obey_as_page(query)
    if name := query.get("name"):
        query["name"] = " ".join(words(name)[:MAX_WORDS])
    if (lowest := query.get("min_price")) and (highest := query.get("max_price")):
        query["min_price"], query["max_price"] = sorted((lowest, highest), key=Decimal)


def _with_decimals(amount: str, digits: int) -> str:
    whole, _, decimals = amount.partition(".")
    return f"{whole}.{decimals[:digits]}" if decimals[:digits] else whole


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.upper())
