"""Query strings as models."""

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from shared.problems import invalid_fields, validation_problem


class Query(BaseModel):
    """The parameters of a query string. One that is empty counts as absent, as forms send it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, request: Request) -> Self:
        """The request's parameters.

        Raises:
            Problem: 422, also when one is given twice.
        """
        given = request.query_params.multi_items()
        names = [name for name, _ in given]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise invalid_fields(
                dict.fromkeys(repeated, "is given more than once; several values are separated by commas")
            )
        try:
            return cls.model_validate({name: value for name, value in given if value})
        except ValidationError as error:
            raise validation_problem(error) from error
