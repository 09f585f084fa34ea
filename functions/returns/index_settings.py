"""The search index as it should be: what is searched, filtered and ranked, and its other orders.

Applied from here and nowhere else; a change takes effect with the next run of the sync.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson

from shared.search import SearchIndex

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

COLLECTION = "search_indexes"

# How results may be ordered when relevance is not asked for; a leading minus is descending.
Sort = Literal["-requested_at", "requested_at", "-refund_amount", "refund_amount", "-changed_at"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_ATTRIBUTES = {
    "requested_at": "requested_at_ts",
    "refund_amount": "refund_value",
    "changed_at": "changed_at_ts",
}

FACETS = ("status", "reason", "warehouse", "carrier", "currency", "customer.country")
# Deeper pages than this are for an export, not for a person.
MAX_HITS = 10_000
KEY_LIFETIME = timedelta(hours=1)

_SETTINGS: dict[str, Any] = {
    "searchableAttributes": [
        "unordered(objectID)",
        "unordered(order_id)",
        "unordered(tracking_number)",
        "unordered(customer.name)",
        "unordered(items.sku)",
        "unordered(items.name)",
        "unordered(reason)",
        "unordered(customer.city)",
    ],
    "attributesForFaceting": ["filterOnly(account_key)", *FACETS],
    "customRanking": ["desc(requested_at_ts)"],
    # Ids and tracking numbers: one wrong character is another return.
    "disableTypoToleranceOnAttributes": ["objectID", "order_id", "tracking_number", "items.sku"],
    "paginationLimitedTo": MAX_HITS,
}


def primary_settings() -> dict[str, Any]:
    """The settings of the index, save which replicas it has: those stay with its name."""
    return dict(_SETTINGS)


def replica(index: str, sort: Sort) -> str:
    """The name of the replica that holds the index in another order."""
    return f"{index}_{sort.removeprefix('-')}_{'desc' if sort.startswith('-') else 'asc'}"


def settings_by_index(index: str) -> dict[str, dict[str, Any]]:
    """The settings of the index and of each of its replicas; the index first, for it creates them."""
    primary = _SETTINGS | {"replicas": [replica(index, sort) for sort in SORTS]}
    return {index: primary} | {replica(index, sort): _ordered_by(sort) for sort in SORTS}


def _ordered_by(sort: Sort) -> dict[str, Any]:
    direction = "desc" if sort.startswith("-") else "asc"
    criterion = f"{direction}({_ATTRIBUTES[sort.removeprefix('-')]})"
    relevance = ["typo", "words", "filters", "proximity", "attribute", "exact", "custom"]
    return _SETTINGS | {"ranking": [criterion, *relevance]}


@dataclass(frozen=True)
class IndexSettings:
    """Keeps an index at these settings, at the cost of one read when nothing has changed."""

    db: "AsyncClient"
    index: SearchIndex

    async def apply(self) -> None:
        """Send the settings, unless the index has them.

        Raises:
            TransientError: the index is not to be had.
        """
        known = (await self._document().get(["settings_hash"])).to_dict()
        if known != {"settings_hash": self._digest()}:
            await self.renew()

    async def renew(self) -> None:
        """Send the settings, whatever is said of the index.

        Raises:
            TransientError: the index is not to be had.
        """
        for name, settings in settings_by_index(self.index.name).items():
            await self.index.set_settings(settings, name)
        await self._document().set({"settings_hash": self._digest()})

    def _document(self) -> Any:
        return self.db.collection(COLLECTION).document(self.index.name)

    def _digest(self) -> str:
        wanted = orjson.dumps(settings_by_index(self.index.name), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(wanted).hexdigest()
