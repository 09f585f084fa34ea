"""Searching returns: a caller's question as an Algolia query, confined to the caller's own account."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from functions.returns.index_settings import FACETS, MAX_HITS, Sort, replica
from functions.returns.model import Status
from functions.returns.projection import account_key
from shared.queries import Query
from shared.timestamps import TIMESTAMP_SCHEMA, Timestamp

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def _list(value: Any) -> Any:
    """``"a,b"`` as two values, which is how query strings say "either"."""
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


def _moment(value: Any) -> Any:
    """A plain date as its first moment, in UTC."""
    if not (isinstance(value, str) and _DATE.match(value)):
        return value
    try:
        return datetime.combine(date.fromisoformat(value), time.min, UTC)
    except ValueError:
        return value


def _end_of(value: Any) -> Any:
    """A plain date as its last second, in UTC, so that ``to`` includes the day that it names."""
    moment = _moment(value)
    return moment + timedelta(days=1, seconds=-1) if isinstance(moment, datetime) else moment


Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Facet = Annotated[str, WithJsonSchema({"type": "string", "enum": FACETS})]
_DayOrTime = WithJsonSchema({"anyOf": [TIMESTAMP_SCHEMA, TIMESTAMP_SCHEMA | {"format": "date"}]})


class SearchQuery(Query):
    """The query string of the search endpoint. ``from`` and ``to`` bound ``requested_at``, both inclusive."""

    q: str = Field("", max_length=500, description="Words; the last one may be a beginning.")
    status: Annotated[tuple[Status, ...], BeforeValidator(_list)] = ()
    reason: Annotated[tuple[Value, ...], BeforeValidator(_list)] = ()
    warehouse: Annotated[tuple[Value, ...], BeforeValidator(_list)] = ()
    from_: Annotated[Timestamp | None, BeforeValidator(_moment), _DayOrTime] = Field(
        None, alias="from", description="Requested at this time or later; a day means its beginning, in UTC."
    )
    to: Annotated[Timestamp | None, BeforeValidator(_end_of), _DayOrTime] = Field(
        None, description="Requested at this time or earlier; a day means its end, in UTC."
    )
    sort: Sort | None = Field(None, description="By relevance, then newest first, when absent.")
    page: int = Field(
        0, ge=0, lt=MAX_HITS, description=f"From 0. The first {MAX_HITS:,} results can be paged."
    )
    per_page: int = Field(20, ge=1, le=100)
    facets: Annotated[tuple[Facet, ...], BeforeValidator(_list)] = Field(
        (), description="Of what the values are to be counted."
    )


def parameters(query: SearchQuery, tenant: str | None) -> dict[str, Any]:
    """The Algolia query.

    Args:
        tenant: the only account whose returns may be found; ``None`` for all.
    """
    facet_filters = [
        [f"{attribute}:{_literal(value)}" for value in values]
        for attribute, values in (
            ("status", query.status),
            ("reason", query.reason),
            ("warehouse", query.warehouse),
        )
        if values
    ]
    numeric_filters = [
        f"requested_at_ts {operator} {int(bound.timestamp())}"
        for operator, bound in ((">=", query.from_), ("<=", query.to))
        if bound
    ]
    asked: dict[str, Any] = {
        "query": query.q,
        "page": query.page,
        "hitsPerPage": query.per_page,
        "facets": list(query.facets),
        "facetFilters": facet_filters,
        "numericFilters": numeric_filters,
    }
    return asked | ({"filters": account_filter(tenant)} if tenant else {})


def _literal(value: str) -> str:
    """A facet value that starts with a minus would mean "not" without the backslash."""
    return f"\\{value}" if value.startswith("-") else value


def account_filter(account: str) -> str:
    """The filter that confines a search to one account."""
    return f"account_key:{account_key(account)}"


def index_for(index: str, sort: Sort | None) -> str:
    """The index, or its replica in the wanted order."""
    return replica(index, sort) if sort else index


# The answer of an index without records.
NOTHING_FOUND: dict[str, Any] = {"hits": [], "nbHits": 0, "nbPages": 0, "processingTimeMS": 0}


def render(answer: dict[str, Any], query: SearchQuery) -> dict[str, Any]:
    """Algolia's answer as the endpoint's."""
    return {
        "hits": answer["hits"],
        "total": answer["nbHits"],
        "page": query.page,
        "pages": answer["nbPages"],
        "facets": answer.get("facets", {}),
        "took_ms": answer["processingTimeMS"],
    }


def within_reach(query: SearchQuery) -> bool:
    """Whether the page lies within the results that the index hands out."""
    return (query.page + 1) * query.per_page <= MAX_HITS


def user_token(subject: str) -> str:
    """Who searches, for Algolia's analytics: a pseudonym, since theirs is no place for a person's name or address.

    Their alphabet is closed as well, to letters, digits and ``_=/+-``, at most 129 of them:
    https://www.algolia.com/doc/guides/sending-events/concepts/usertoken
    """
    return hashlib.sha256(subject.encode()).hexdigest()


def secured_key(parent_key: str, restrictions: dict[str, Any]) -> str:
    """A search key that can do no more than ``restrictions`` allow and cannot be altered.

    The client's own helper, ``generate_secured_api_key``, costs 0.8 s of a cold start to import; a test holds this
    one against it. Source: https://www.algolia.com/doc/guides/security/api-keys/#secured-api-keys
    """
    content = urlencode(sorted(restrictions.items()))
    signature = hmac.new(parent_key.encode(), content.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(f"{signature}{content}".encode()).decode()
