"""Requests that are wrong in themselves: a precise 4xx each, and nothing written."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from tests.e2e.harness import LocalCloud
from tests.integration.refusals import refused
from tests.integration.returns.http.stored import contents
from tests.unit.returns.examples import content

TEN_MEGABYTES = 10_000_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def caller(system: LocalCloud) -> dict[str, str]:
    return system.token("warehouse", account="acme") | JSON


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_written(http: httpx.Client, caller: dict[str, str], database: Client) -> Iterator[None]:
    http.put("/returns/R-1", json=content(), headers=caller).raise_for_status()
    before = contents(database)
    yield
    assert contents(database) == before


def spoilt(**changes: Any) -> bytes:
    return json.dumps(content(**changes)).encode()


def with_reason(raw: str | bytes) -> bytes:
    """A return whose reason is this piece of JSON."""
    raw = raw if isinstance(raw, bytes) else raw.encode()
    return spoilt(reason="@@").replace(b'"@@"', raw)


ITEM = content()["items"][0]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (spoilt(status="lost"), ("status",)),
        (spoilt(status=3), ("status",)),
        (spoilt(reason=None), ("reason",)),
        (spoilt(reason=""), ("reason",)),
        (spoilt(reason="x" * 201), ("reason",)),
        (spoilt(order_id=7), ("order_id",)),
        (spoilt(color="red"), ("color",)),
        (spoilt(updated_at="2026-11-01T12:00:00Z"), ("updated_at",)),
        (spoilt(deleted=True), ("deleted",)),
        (spoilt(items=[]), ("items",)),
        (spoilt(items={}), ("items",)),
        (spoilt(items=[ITEM] * 201), ("items",)),
        (spoilt(items=[ITEM, ITEM | {"quantity": "2"}]), ("items[1].quantity",)),
        (spoilt(items=[ITEM | {"quantity": 0}]), ("items[0].quantity",)),
        (spoilt(items=[ITEM | {"quantity": 2.5}]), ("items[0].quantity",)),
        (spoilt(items=[ITEM | {"quantity": True}]), ("items[0].quantity",)),
        (spoilt(items=[ITEM | {"quantity": 10**30}]), ("items[0].quantity",)),
        (spoilt(items=[ITEM | {"unit_price": 19.9}]), ("items[0].unit_price",)),
        (spoilt(items=[ITEM | {"unit_price": "19,90"}]), ("items[0].unit_price",)),
        (spoilt(items=[ITEM | {"unit_price": "-1"}]), ("items[0].unit_price",)),
        (spoilt(items=[ITEM | {"unit_price": "1e3"}]), ("items[0].unit_price",)),
        (spoilt(items=[ITEM | {"gift": True}]), ("items[0].gift",)),
        (spoilt(refund_amount="39.805"), ("",)),
        (spoilt(refund_amount="٣٩"), ("",)),
        (spoilt(currency="EURO"), ("currency",)),
        (spoilt(currency="XAU"), ("currency",)),
        (spoilt(customer={"name": "A", "city": "B"}), ("customer.country",)),
        (spoilt(customer={"name": "A", "city": "B", "country": "Sweden"}), ("customer.country",)),
        (spoilt(requested_at="2026-10-30T08:00:00"), ("requested_at",)),
        (spoilt(requested_at="2026-10-30"), ("requested_at",)),
        (spoilt(requested_at=1_790_000_000), ("requested_at",)),
        (spoilt(requested_at="2026-02-30T08:00:00Z"), ("requested_at",)),
        (spoilt(external_updated_at="9999-12-31T23:59:59-23:59"), ("external_updated_at",)),
        (spoilt(external_updated_at="0001-01-01T00:00:00+23:59"), ("external_updated_at",)),
        (spoilt(next_status="rejected"), ("",)),
        (spoilt(next_status="rejected", next_status_at="soon"), ("next_status_at",)),
        (spoilt(return_id="R-2"), ("return_id",)),
        (spoilt(return_id=None), ("return_id",)),
        (b"{}", tuple(name for name in content() if name != "return_id")),
        (b"null", ("",)),
        (b"[]", ("",)),
        (b'"R-1"', ("",)),
        (with_reason("[" * 150 + "]" * 150), ("reason",)),
        (with_reason("NaN"), ("reason",)),
        (with_reason("-Infinity"), ("reason",)),
        (with_reason("1e400"), ("reason",)),
        (with_reason("9" * 400), ("reason",)),
    ],
)
def test_a_return_of_the_wrong_shape(
    http: httpx.Client, caller: dict[str, str], body: bytes, fields: tuple[str, ...]
) -> None:
    answer = http.put("/returns/R-1", content=body, headers=caller)
    refused(answer, 422, "validation-failed", *fields)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"{'a': 1}", b"\xef\xbb\xbf{}", b"{} {}", b"[" * 100_000, b'{"a":' * 5_000),
        *(with_reason(b'"\xff\xfe"'), with_reason(b'"\xed\xa0\x80"'), with_reason(b'"\x00"')),
        *(with_reason(r'"\ud800"'), with_reason(r'"\udc00\ud800"'), with_reason("9" * 5_000)),
        *(json.dumps(content()).encode("utf-16"), json.dumps(content()).encode("utf-32")),
    ],
    ids=range(15),
)
@pytest.mark.parametrize(("method", "path"), [("PUT", "/returns/R-1"), ("POST", "/returns/batch")])
def test_a_body_that_is_no_json(
    http: httpx.Client, caller: dict[str, str], method: str, path: str, body: bytes
) -> None:
    refused(http.request(method, path, content=body, headers=caller), 400, "malformed-json")


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "json"])
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/returns/R-1"), ("POST", "/returns/batch"), ("POST", "/returns/resync")]
)
def test_a_body_of_another_type(
    http: httpx.Client, system: LocalCloud, method: str, path: str, media_type: str
) -> None:
    caller = system.token("ops", account="acme") | {"Content-Type": media_type}
    answer = http.request(method, path, content=spoilt(), headers=caller)
    refused(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/returns/R-1"), ("POST", "/returns/batch")])
def test_a_body_of_ten_megabytes(
    http: httpx.Client, caller: dict[str, str], method: str, path: str, declared: bool
) -> None:
    body = b" " * TEN_MEGABYTES
    pieces = (body[i : i + 65_536] for i in range(0, len(body), 65_536))
    answer = http.request(method, path, content=body if declared else pieces, headers=caller)
    refused(answer, 413, "body-too-large")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"returns": [{}] * 501}, ("returns",)),
        ({"returns": {}}, ("returns",)),
        ({}, ("returns",)),
        ({"returns": [], "account": "acme"}, ("account",)),
        ([], ("",)),
    ],
    ids=["501", "object", "none", "extra", "list"],
)
def test_a_batch_of_the_wrong_shape(
    http: httpx.Client, caller: dict[str, str], body: Any, fields: tuple[str, ...]
) -> None:
    answer = http.post("/returns/batch", json=body, headers=caller)
    refused(answer, 422, "validation-failed", *fields)


@pytest.mark.parametrize(
    "item",
    [
        *("null", "[]", "7", '"R-1"', "{}", "NaN", '{"return_id": NaN}', '{"return_id": 1e400}'),
        '{"return_id": ' + "9" * 200 + "}",
        '{"return_id": ' + "[" * 180 + "]" * 180 + "}",
        '{"return_id": {"R-1": "R-1"}}',
        json.dumps(content(return_id="../R-1")),
        json.dumps(content(return_id="__R1__")),
        json.dumps(content(return_id="a/b")),
        json.dumps(content(return_id="R" * 200)),
        json.dumps(content(return_id="")),
        json.dumps(content(return_id="R-1\n")),
    ],
    ids=range(17),
)
def test_a_batch_with_an_impossible_item(http: httpx.Client, caller: dict[str, str], item: str) -> None:
    answer = http.post("/returns/batch", content=f'{{"returns": [{item}]}}', headers=caller)
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert result["outcome"] == "invalid"
    assert result["problem"]["status"] == 422
    assert result["problem"]["errors"]


@pytest.mark.parametrize(
    "return_id",
    ["__x__", "-x", "%2e%2e", "%2e", "R" * 200, "%00", "%ff", "R-1%20", "R-1%0a", "%E2%82%AC", "a%5Cb", "~"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_that_no_return_can_have(
    http: httpx.Client, caller: dict[str, str], method: str, return_id: str
) -> None:
    body = spoilt() if method == "PUT" else None
    refused(http.request(method, f"/returns/{return_id}", content=body, headers=caller), 404, "not-found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize(
    "path", ["/returns", "/returns/", "/returns/%2F", "/returns/a%2Fb", "/returns/R-1/", "/returns/R-1/items"]
)
def test_a_path_that_leads_nowhere(
    http: httpx.Client, caller: dict[str, str], method: str, path: str
) -> None:
    refused(http.request(method, path, headers=caller), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/returns/R-1", {"GET", "HEAD", "PUT", "DELETE"}),
        ("PATCH", "/returns/R-1", {"GET", "HEAD", "PUT", "DELETE"}),
        ("PATCH", "/returns/batch", {"POST"}),
        ("POST", "/search-order-return-index-data", {"GET", "HEAD"}),
        ("GET", "/search-order-return-index-data/keys", {"POST"}),
    ],
)
def test_a_method_that_the_path_does_not_know(
    http: httpx.Client, caller: dict[str, str], method: str, path: str, allowed: set[str]
) -> None:
    answer = http.request(method, path, headers=caller)
    refused(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) <= allowed


@pytest.mark.parametrize(
    "query",
    [
        *("external_updated_at=", "external_updated_at=yesterday", "external_updated_at=2026-11-20"),
        *("external_updated=2026-11-20T00:00:00Z", "external_updated_at=2026-11-20T00:00:00Z&force=1"),
        "external_updated_at=9999-12-31T23:59:59-01:00",
        "external_updated_at=2026-11-20T00:00:00Z&external_updated_at=2026-11-21T00:00:00Z",
    ],
)
def test_a_removal_whose_time_is_not_clear(http: httpx.Client, caller: dict[str, str], query: str) -> None:
    answer = http.delete(f"/returns/R-1?{query}", headers=caller)
    refused(answer, 422, "validation-failed", "external_updated_at")


@pytest.mark.parametrize(
    ("dates", "field"),
    [
        ({"start_date": "2026-11-02T00:00:00Z", "end_date": "2026-11-01T00:00:00Z"}, ""),
        ({"start_date": "2026-11-02T00:00:00Z"}, "end_date"),
        ({"start_date": "2026-11-02", "end_date": "2026-11-03T00:00:00Z"}, "start_date"),
        ({"start_date": None, "end_date": "2026-11-03T00:00:00Z"}, "start_date"),
    ],
)
def test_a_resync_between_dates_that_make_no_sense(
    http: httpx.Client, ops: dict[str, str], dates: dict[str, Any], field: str
) -> None:
    answer = http.post("/returns/resync", json=dates, headers=ops)
    refused(answer, 422, "validation-failed", field)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(("status=lost", "status[0]"), ("status=requested,lost", "status[1]"), ("colour=red", "colour")),
        *(("per_page=0", "per_page"), ("per_page=101", "per_page"), ("per_page=ten", "per_page")),
        *(("page=-1", "page"), ("page=0x1", "page"), ("page=" + "9" * 30, "page")),
        *(("page=500", "page"), ("per_page=100&page=100", "page"), ("page=1&page=2", "page")),
        *(("facets=account", "facets"), ("facets=*", "facets"), ("sort=price", "sort")),
        *(("from=yesterday", "from"), ("from=2026-02-30", "from"), ("to=9999-12-31", "to")),
        *(("from=1790000000", "from"), ("to=2026-11-20T00:00:00", "to"), ("from=0001-01-01", "from")),
        *(("q=" + "x" * 501, "q"), ("warehouse=" + "x" * 201, "warehouse[0]")),
    ],
)
def test_a_search_that_cannot_be_made(
    http: httpx.Client, caller: dict[str, str], query: str, field: str
) -> None:
    answer = http.get(f"/search-order-return-index-data?{query}", headers=caller)
    refused(answer, 422, "validation-failed", field)


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%ff", "q=%ed%a0%80", "q=%22", "reason=-x", "reason=%5C", "reason=a:b", "q=%F0%9F"]
)
def test_a_search_for_odd_text_finds_nothing(http: httpx.Client, caller: dict[str, str], query: str) -> None:
    answer = http.get(f"/search-order-return-index-data?{query}", headers=caller)
    assert answer.status_code == 200
    assert answer.json()["hits"] == []
