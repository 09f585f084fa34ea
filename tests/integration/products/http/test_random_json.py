"""Whatever comes is no fault of ours: what was accepted reads as it was sent, of what was not nothing is kept."""

import itertools
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from google.cloud.firestore import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.products.model import ProductContent
from tests.integration.products.http.caller import Caller
from tests.integration.products.http.stored import nothing_added
from tests.unit.products.examples import content, contents

JSON = {"Content-Type": "application/json"}
_keys = itertools.count(1)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(st.characters(), max_size=40)
    | st.sampled_from(["89.90", "-1", "1.999", "EUR", "JPY", "https://a.example", "\x00", "\ud800"]),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=12,
)
members = st.sampled_from([*content(), "id", "version", "compressed_product_images", "x"])
patches = st.dictionaries(members, json_values, max_size=3)
changed = st.builds(lambda whole, patch: whole | patch, contents, patches)
every_example = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(seller: Caller) -> str:
    """Where a product of the seller's is."""
    return f"/{seller.create()['id']}"


def meaning(message: Any) -> ProductContent | None:
    """What a request says, if it says anything that can be accepted."""
    try:
        return ProductContent.model_validate_json(json.dumps(message))
    except ValidationError:
        return None


def merged(product: dict[str, Any], patch: Any) -> Any:
    """What a merge patch makes of what a seller says of a product; null resets it."""
    if not isinstance(patch, dict):
        return patch
    said = {name: product[name] for name in content()} | patch
    return {name: value for name, value in said.items() if value is not None or name not in content()}


def check_refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def check_found(caller: Caller, answer: httpx.Response, said: ProductContent) -> None:
    assert answer.status_code in (200, 201), answer.text
    found = caller("GET", f"/{answer.json()['id']}")
    assert found.content == answer.content
    assert found.json()["product_name"] == said.product_name
    assert found.json()["product_description"] == said.product_description
    assert found.json()["product_images"] == said.product_images


@every_example
@given(message=contents | changed | json_values)
def test_anything_posted(seller: Caller, database: Client, message: Any) -> None:
    def send() -> httpx.Response:
        key = {"Idempotency-Key": f"random {next(_keys)}"}
        return seller("POST", content=json.dumps(message), headers=JSON | key)

    if said := meaning(message):
        check_found(seller, send(), said)
    else:
        with nothing_added(database):
            check_refused(send())


@every_example
@given(message=contents | changed | json_values)
def test_anything_put(seller: Caller, path: str, database: Client, message: Any) -> None:
    def send() -> httpx.Response:
        return seller("PUT", path, content=json.dumps(message), headers=JSON)

    if said := meaning(message):
        check_found(seller, send(), said)
    else:
        before = seller("GET", path).content
        with nothing_added(database):
            check_refused(send())
        assert seller("GET", path).content == before


@every_example
@given(patch=patches | json_values)
def test_any_patch(seller: Caller, path: str, database: Client, patch: Any) -> None:
    def send() -> httpx.Response:
        return seller("PATCH", path, content=json.dumps(patch), headers=JSON)

    before = seller("GET", path)
    if said := meaning(merged(before.json(), patch)):
        check_found(seller, send(), said)
    else:
        with nothing_added(database):
            check_refused(send())
        assert seller("GET", path).content == before.content


@every_example
@given(body=st.binary(max_size=200))
def test_any_bytes_at_all(seller: Caller, path: str, body: bytes) -> None:
    for method, place in (("POST", ""), ("PUT", path)):
        check_refused(seller(method, place, content=body, headers=JSON))
    # An empty object changes nothing, but is a patch.
    assert seller("PATCH", path, content=body, headers=JSON).status_code < 500


@every_example
@given(
    query=st.dictionaries(
        st.sampled_from(["name", "min_price", "max_price", "sort", "limit", "cursor", "x"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.sampled_from(
            ["linen", "0.5", "1e3", "-product_price", "product_name", "10", "101", "AAAAAAAAAAA"]
        ),
        max_size=4,
    )
)
def test_any_list(seller: Caller, query: dict[str, str]) -> None:
    answer = seller("GET", params=query)
    assert answer.status_code in (200, 422), answer.text


@every_example
# The framework's own router, which comes first, knows no path with a line feed; "." and ".." are clients' to resolve.
@given(segment=st.binary(min_size=1, max_size=80).filter(lambda raw: b"\n" not in raw and raw.strip(b".")))
def test_any_id(seller: Caller, segment: bytes) -> None:
    place = "/" + quote(segment, safe="")
    for method in ("GET", "DELETE", "PATCH"):
        check_refused(seller(method, place, json={} if method == "PATCH" else None))


@every_example
@given(
    value=st.text(st.characters(codec="latin-1", min_codepoint=32, exclude_characters="\x7f"), max_size=60)
)
def test_any_condition(seller: Caller, path: str, value: str) -> None:
    header = value.strip().encode("latin-1")
    read = seller("GET", path, headers={"If-None-Match": header})  # type: ignore[dict-item]
    assert read.status_code in (200, 304)
    changed = seller("PATCH", path, json={}, headers={"If-Match": header})  # type: ignore[dict-item]
    assert changed.status_code in (200, 412), changed.text
