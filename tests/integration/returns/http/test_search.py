"""Searching the index that a run has filled: every parameter, and who sees what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.campaign import Campaign
from tests.e2e.harness import LocalCloud
from tests.unit.returns.examples import content

PATH = "/search-order-return-index-data"
FIRST = datetime(2026, 10, 1, 8, tzinfo=UTC)
REASONS = ("too_small", "-broken", "late: 3 days")
STATUSES = ("requested", "approved", "received", "cancelled")


def a_return(account: str, number: int) -> dict[str, Any]:
    """Thirty of them: reasons in turn, four statuses, a day apart, each dearer than the one before."""
    return content(
        return_id=f"{account}-{number:02}",
        account=account,
        order_id=f"ORDER-{number}",
        status=STATUSES[number % 4],
        reason=REASONS[number % 3],
        warehouse=("malmo-1", "gent-2")[number % 2],
        refund_amount=f"{number + 1}.50",
        customer={"name": "Ada Lind" if number % 2 else "Bo Nyström", "city": "Malmö", "country": "SE"},
        requested_at=(FIRST + timedelta(days=number)).isoformat(),
        external_updated_at=(FIRST + timedelta(days=60 - number)).isoformat(),
    )


@pytest.fixture(scope="module")
def shops(system: LocalCloud) -> tuple[str, str]:
    """Two accounts whose returns are in the index."""
    accounts = ("find-me", "find-me-not")
    for account in accounts:
        messages = [a_return(account, number) for number in range(30)]
        caller = system.token("warehouse", account=account)
        system.http.post("/returns/batch", json={"returns": messages}, headers=caller).raise_for_status()
    Campaign(system, 0).run()
    return accounts


class Searcher:
    """Searches as one caller."""

    def __init__(self, http: httpx.Client, headers: dict[str, str]) -> None:
        self._http = http
        self._headers = headers

    def answer(self, **query: Any) -> dict[str, Any]:
        found = self._http.get(PATH, params=query, headers=self._headers).raise_for_status()
        answer: dict[str, Any] = found.json()
        assert answer.keys() == {"hits", "total", "page", "pages", "facets", "took_ms"}
        return answer

    def numbers(self, **query: Any) -> list[int]:
        """The numbers of the returns found, in order."""
        hits = self.answer(per_page=100, **query)["hits"]
        return [int(hit["objectID"].rsplit("-", 1)[1]) for hit in hits]


@pytest.fixture
def seller(system: LocalCloud, shops: tuple[str, str]) -> Searcher:
    return Searcher(system.http, system.token("seller", account=shops[0]))


LISTED = [number for number in range(30) if number % 4 != 3]
NEWEST_FIRST = LISTED[::-1]


def test_everything_but_the_cancelled_newest_first(seller: Searcher) -> None:
    assert seller.numbers() == NEWEST_FIRST


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"status": "approved"}, lambda n: n % 4 == 1),
        ({"status": "approved,received"}, lambda n: n % 4 in (1, 2)),
        ({"status": "cancelled"}, lambda n: False),
        ({"reason": "too_small"}, lambda n: n % 3 == 0),
        ({"reason": "-broken"}, lambda n: n % 3 == 1),
        ({"reason": "late: 3 days,-broken"}, lambda n: n % 3),
        ({"warehouse": "gent-2"}, lambda n: n % 2),
        ({"warehouse": "gent"}, lambda n: False),
        ({"warehouse": "gent-2", "status": "received"}, lambda n: False),
        ({"from": "2026-10-11"}, lambda n: n >= 10),
        ({"to": "2026-10-11"}, lambda n: n <= 10),
        ({"from": "2026-10-11", "to": "2026-10-13"}, lambda n: 10 <= n <= 12),
        ({"from": "2026-10-11T08:00:00Z", "to": "2026-10-13T07:59:59Z"}, lambda n: 10 <= n <= 11),
        ({"from": "2026-10-11T10:00:00+02:00"}, lambda n: n >= 10),
        ({"from": "2026-10-13", "to": "2026-10-11"}, lambda n: False),
        ({"q": "ada"}, lambda n: n % 2),
        ({"q": "Nystrom"}, lambda n: not n % 2),
        ({"q": "linen shirt"}, lambda n: True),
        ({"q": "ORDER-17"}, lambda n: n == 17),
        ({"q": "find-me-17"}, lambda n: n == 17),
        ({"q": "no such thing"}, lambda n: False),
        ({"q": "ada", "status": "approved", "reason": "too_small"}, lambda n: n % 12 == 9),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_filters(seller: Searcher, query: dict[str, str], matches: Any) -> None:
    wanted = [number for number in LISTED if matches(number)]
    assert sorted(seller.numbers(**query)) == wanted


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("requested_at", LISTED),
        ("-requested_at", NEWEST_FIRST),
        ("refund_amount", LISTED),
        ("-refund_amount", NEWEST_FIRST),
        ("-changed_at", LISTED),
    ],
)
def test_orders(seller: Searcher, sort: str, order: list[int]) -> None:
    assert seller.numbers(sort=sort) == order


def test_pages(seller: Searcher) -> None:
    pages = [seller.answer(page=page, per_page=10) for page in range(4)]
    assert [len(page["hits"]) for page in pages] == [10, 10, len(LISTED) - 20, 0]
    assert [page["page"] for page in pages] == [0, 1, 2, 3]
    assert {(page["total"], page["pages"]) for page in pages} == {(len(LISTED), 3)}
    hits = [hit["objectID"] for page in pages for hit in page["hits"]]
    assert len(set(hits)) == len(LISTED)
    assert len(seller.answer()["hits"]) == 20


def test_facets_count_what_was_found(seller: Searcher) -> None:
    answer = seller.answer(facets="status,warehouse,customer.country", reason="too_small")
    found = [number for number in LISTED if number % 3 == 0]
    assert answer["facets"] == {
        "status": {STATUSES[k]: sum(n % 4 == k for n in found) for k in range(3)},
        "warehouse": {w: sum(n % 2 == k for n in found) for k, w in enumerate(("malmo-1", "gent-2"))},
        "customer.country": {"SE": len(found)},
    }


def test_highlights_mark_what_was_found(seller: Searcher) -> None:
    hit = seller.answer(q="lind")["hits"][0]
    assert hit["_highlightResult"]["customer"]["name"]["value"] == "Ada <em>Lind</em>"


@pytest.mark.parametrize("role", ["seller", "warehouse"])
def test_an_account_sees_its_own_only(system: LocalCloud, shops: tuple[str, str], role: str) -> None:
    for account in shops:
        own = Searcher(system.http, system.token(role, account=account))
        assert {hit["account"] for hit in own.answer(per_page=100)["hits"]} == {account}
        other = next(shop for shop in shops if shop != account)
        assert own.answer(q=f"{other}-01")["total"] <= 1  # its own return of that number, if any
        assert own.answer(q=other, facets="status")["total"] <= len(LISTED)
    # Algolia compares facet values without regard to case; accounts are not the same for that.
    for account in ("find", "FIND-ME", "find-me-"):
        assert Searcher(system.http, system.token(role, account=account)).answer()["total"] == 0


def test_operators_see_all(system: LocalCloud, shops: tuple[str, str], ops: dict[str, str]) -> None:
    hits = Searcher(system.http, ops).answer(per_page=100, q="lind")["hits"]
    assert {hit["account"] for hit in hits} >= set(shops)
