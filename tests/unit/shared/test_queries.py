"""Query strings as models."""

import pytest
from starlette.requests import Request

from shared.problems import Problem
from shared.queries import Query


class Shoes(Query):
    size: int = 42
    color: str | None = None


def read(query: str) -> Shoes:
    return Shoes.of(Request({"type": "http", "query_string": query.encode(), "headers": []}))


def test_parameters_become_fields() -> None:
    assert read("size=38&color=red") == Shoes(size=38, color="red")
    assert read("") == Shoes()


def test_an_empty_parameter_counts_as_absent() -> None:
    assert read("size=&color=") == Shoes()


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("size=large", ["size"]),
        ("weight=3", ["weight"]),
        ("size=38&size=38", ["size"]),
        ("size=&size=38", ["size"]),
        ("size=1&size=2&color=red&color=green", ["color", "size"]),
    ],
)
def test_what_is_wrong_is_named(query: str, fields: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        read(query)
    assert (refused.value.status, refused.value.kind) == (422, "validation-failed")
    assert [error["field"] for error in refused.value.errors] == fields
