"""Requests that look wrong and are not."""

import json
from typing import Any

import pytest

from tests.integration.products.http.caller import Caller
from tests.unit.products.examples import content, listed

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "changes",
    [
        {"product_price": "0.00"},
        {"product_price": "999999999999.99"},
        {"product_price": "1.234", "currency": "KWD"},
        {"product_price": "1.2345", "currency": "CLF"},
        {"product_price": "100", "currency": "JPY"},
        {"product_name": "x"},
        {"product_name": "😀" * 200},
        {"product_name": "<b>Ærø's “shirt”</b> \\ \" ' ; DROP TABLE"},
        {"product_name": "ﷺ" * 200},
        {"product_description": "\x00\u2028\uffff\n" + "日" * 9_996},
        {"product_images": []},
        {"product_images": ["https://img.example/" + "x" * 2_028] * 20},
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_a_product_at_its_limits_reads_as_it_was_sent(seller: Caller, changes: dict[str, Any]) -> None:
    product = seller.create(**changes)
    assert product == product | content(**changes)
    assert seller("GET", f"/{product['id']}").json() == product
    assert seller("GET").json()["products"] == [listed(product)]


def test_the_largest_product_fits_into_a_request_however_it_is_escaped(seller: Caller) -> None:
    largest = content(
        product_name="😀" * 200,
        product_description="😀" * 10_000,
        product_images=["https://img.example/" + "x" * 2_028] * 20,
    )
    for ensure_ascii in (True, False):
        body = json.dumps(largest, ensure_ascii=ensure_ascii).encode()
        assert seller("POST", content=body, headers=JSON).status_code == 201


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.shop+json"]
)
def test_json_is_taken_by_any_of_its_names(seller: Caller, media_type: str) -> None:
    answer = seller("POST", json=content(), headers={"Content-Type": media_type})
    assert answer.status_code == 201


def test_of_a_member_that_comes_twice_the_last_counts(seller: Caller) -> None:
    body = json.dumps(content()).encode().replace(b"{", b'{"product_price": "1.00",', 1)
    assert seller("POST", content=body, headers=JSON).json()["product_price"] == "89.90"
