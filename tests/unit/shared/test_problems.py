"""Errors as RFC 9457 problem details."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from shared import trace
from shared.problems import Problem, field_path, validation_problem


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: str


class Order(BaseModel):
    lines: list[Line]


def found_in(body: bytes | str) -> Problem:
    with pytest.raises(ValidationError) as caught:
        Order.model_validate_json(body)
    return validation_problem(caught.value)


def test_a_problem_is_a_document_with_a_stable_type() -> None:
    response = Problem(409, "version-moved", "Read it again.", headers={"Retry-After": "1"}).response()
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    document: dict[str, Any] = json.loads(bytes(response.body))
    assert document.pop("trace", None) == (trace.current() or None)
    assert document == {
        "type": "urn:backstock:problem:version-moved",
        "title": "Version moved",
        "status": 409,
        "detail": "Read it again.",
    }


def test_a_problem_names_the_trace_it_belongs_to() -> None:
    current = trace.adopt({})
    assert Problem(500, "internal-error", "…").document()["trace"] == current


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ((), ""),
        (("sku",), "sku"),
        (("items", 0, "sku"), "items[0].sku"),
        (("a", "b", 1, 2), "a.b[1][2]"),
        ((3, "sku"), "[3].sku"),
    ],
)
def test_a_field_is_named_by_its_path(location: tuple[str | int, ...], path: str) -> None:
    assert field_path(location) == path


@pytest.mark.parametrize("body", ["", "{", "nonsense", '{"lines": [}', b"\xff\xfe"])
def test_what_is_no_json_is_400(body: bytes | str) -> None:
    problem = found_in(body)
    assert (problem.status, problem.kind) == (400, "malformed-json")


def test_json_of_another_shape_is_422_and_names_each_field() -> None:
    problem = found_in('{"lines": [{"sku": 7}, {}, {"sku": "A", "colour": "red"}]}')
    assert (problem.status, problem.kind) == (422, "validation-failed")
    assert [error["field"] for error in problem.errors] == ["lines[0].sku", "lines[1].sku", "lines[2].colour"]
    assert all(error["detail"] for error in problem.errors)
    assert problem.detail == "3 field(s) are not valid."


def test_the_input_is_not_repeated() -> None:
    assert "hunter2" not in json.dumps(found_in('{"lines": [{"sku": ["hunter2"]}]}').document())


@given(st.integers(1, 200))
def test_as_many_errors_are_listed_as_help_a_person(count: int) -> None:
    problem = found_in(json.dumps({"lines": [{}] * count}))
    assert len(problem.errors) == min(count, 50)
    assert problem.detail.startswith(f"{count} field(s)")
    assert ("the first 50 are listed" in problem.detail) == (count > 50)
