"""Whatever JSON comes: never a fault of ours, and what was accepted can be read back equal."""

import itertools
import json
from datetime import datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.harness import LocalCloud
from tests.unit.returns.examples import content, contents

_numbers = itertools.count(1)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(st.characters(), max_size=40)
    | st.sampled_from(["2026-11-20T09:30:00Z", "12.50", "EUR", "approved", "__proto__", "\x00", "\ud800"]),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=12,
)
paths = st.lists(st.sampled_from([*content(), "sku", "name", "quantity", 0, 1]), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def caller(system: LocalCloud) -> dict[str, str]:
    return system.token("warehouse", account="acme") | {"Content-Type": "application/json"}


def with_change(message: dict[str, Any], path: list[str | int], value: Any) -> dict[str, Any]:
    """``message`` with ``value`` at ``path``, as far as the path exists, or else at its first field."""
    changed = json.loads(json.dumps(message))
    place: Any = changed
    for step in path[:-1]:
        if not isinstance(place, dict) or not isinstance(place.get(step), dict | list):
            break
        place = place[step]
    if isinstance(place, list):
        place[0] = value
    else:
        place[path[-1]] = value
    return changed


messages = st.one_of(
    contents,
    st.builds(with_change, contents, paths, json_values),
    st.builds(with_change, st.just(content()), st.just(["next_status_at"]), json_values),
    json_values,
)
every_example = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def meaning(field: str, value: Any) -> Any:
    """What a field says, however its time is written: Firestore keeps microseconds, in UTC."""
    return datetime.fromisoformat(value) if field.endswith("_at") and isinstance(value, str) else value


def check_stored(http: httpx.Client, caller: dict[str, str], sent: dict[str, Any], return_id: str) -> None:
    found = http.get(f"/returns/{return_id}", headers=caller)
    assert found.status_code == 200
    stored = found.json()
    for field, value in (sent | {"return_id": return_id}).items():
        assert meaning(field, stored[field]) == meaning(field, value), field


@every_example
@given(message=messages)
def test_anything_put(http: httpx.Client, caller: dict[str, str], message: Any) -> None:
    return_id = f"put-{next(_numbers)}"
    if isinstance(message, dict) and message.get("return_id") == "R-1":
        message = message | {"return_id": return_id}
    answer = http.put(f"/returns/{return_id}", content=json.dumps(message), headers=caller)
    assert answer.status_code in (201, 400, 403, 422), answer.text
    if answer.status_code == 201:
        check_stored(http, caller, message, return_id)
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert http.get(f"/returns/{return_id}", headers=caller).status_code == 404


@every_example
@given(batch=st.lists(messages, max_size=6))
def test_anything_in_a_batch(http: httpx.Client, caller: dict[str, str], batch: list[Any]) -> None:
    named = [
        item | {"return_id": f"batch-{next(_numbers)}"}
        if isinstance(item, dict) and item.get("return_id") == "R-1"
        else item
        for item in batch
    ]
    answer = http.post("/returns/batch", content=json.dumps({"returns": named}), headers=caller)
    if answer.status_code == 400:  # lone surrogates are no JSON text
        assert "\\ud" in json.dumps(named)
        return
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert len(results) == len(named)
    for item, result in zip(named, results, strict=True):
        if result["outcome"] == "created":
            check_stored(http, caller, item, item["return_id"])
        else:
            assert result["outcome"] in ("invalid", "unchanged", "updated", "stale")


@every_example
@given(body=st.binary(max_size=200))
def test_any_bytes_at_all(http: httpx.Client, caller: dict[str, str], body: bytes) -> None:
    for method, path in (("PUT", "/returns/bytes"), ("POST", "/returns/batch"), ("POST", "/returns/resync")):
        answer = http.request(method, path, content=body, headers=caller)
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"


@every_example
@given(
    query=st.dictionaries(
        st.sampled_from(
            ["q", "status", "reason", "warehouse", "from", "to", "sort", "page", "per_page", "facets", "x"]
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.sampled_from(["-requested_at", "status,reason", "2026-11-20", "9999-12-31", "10", "approved"]),
        max_size=5,
    )
)
def test_any_search(http: httpx.Client, caller: dict[str, str], query: dict[str, str]) -> None:
    answer = http.get("/search-order-return-index-data", params=query, headers=caller)
    assert answer.status_code in (200, 422), answer.text
