"""Descriptions of handlers, and the description of a problem."""

from pydantic import TypeAdapter, ValidationError

from shared.openapi import Answer, Operation, ProblemDetails
from shared.problems import Problem, validation_problem
from shared.trace import adopt

DESCRIPTION = Operation(roles=("ops",), answers={200: Answer()})


class Api:
    @DESCRIPTION
    async def described(self) -> str:
        return "unchanged"

    async def silent(self) -> None: ...


async def test_a_handler_is_described_and_works_as_before() -> None:
    assert Operation.of(Api().described) is DESCRIPTION
    assert await Api().described() == "unchanged"


def test_a_handler_may_have_no_description() -> None:
    assert Operation.of(Api().silent) is None


def test_problems_are_as_they_are_described() -> None:
    adopt({})
    ProblemDetails.model_validate(Problem(409, "run-active", "A run is active.").document())
    try:
        TypeAdapter(dict[str, int]).validate_json('{"size": "x"}')
    except ValidationError as error:
        described = ProblemDetails.model_validate(validation_problem(error).document())
    assert [error.field for error in described.errors] == ["size"]
