"""What the OpenAPI document says of a handler, written beside it; ``docs/openapi.py`` makes the document of it.

At run time a description is attached to its handler and nothing else happens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from shared.auth import Role

Handler = TypeVar("Handler", bound=Callable[..., Any])


class AnswerBody(BaseModel):
    """The base of models that only describe answers: built when a document is made of them, not at a cold start."""

    model_config = ConfigDict(
        defer_build=True, extra="forbid", json_schema_serialization_defaults_required=True
    )


class FieldError(AnswerBody):
    """What is wrong with one field."""

    field: str = Field(description="Its path; empty for the whole body.", examples=["items[0].quantity"])
    detail: str


class ProblemDetails(AnswerBody):
    """Why a request was not served (RFC 9457)."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: str = Field(description="Names the kind of problem, for good.", pattern="^urn:backstock:problem:")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong with this request, and what to do about it.")
    errors: list[FieldError] = Field([], description="For `validation-failed`; the first 50.")
    trace: str = Field(description="To quote when reporting it.", pattern="^[0-9a-f]{32}$")


@dataclass(frozen=True)
class Answer:
    """A success: its JSON content, if it has any, and the headers that come with it."""

    model: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Describes the handler that it decorates. Summary and description are the handler's docstring.

    Args:
        roles: any of which the caller must have; none for what needs no token.
        answers: the successes, by status.
        problems: by status and kind, when they happen, beyond what follows from the other arguments: a role can be
            missing (401, 403, 503), a path lead nowhere (404), a query or a body be wrong (400, 413, 415, 422).
        path: the types of the path's parameters.
        query: the model of the query string.
        headers: the types of request headers that mean something; each may be left out.
        body: the model of the JSON body.
        body_required: whether there must be one; else none is as an empty object.
        media_types: as which the body may come.
    """

    roles: tuple[Role, ...]
    answers: Mapping[int, Answer]
    problems: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    path: Mapping[str, Any] = field(default_factory=dict)
    query: type[BaseModel] | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    body_required: bool = True
    media_types: tuple[str, ...] = ("application/json",)

    def __call__(self, handler: Handler) -> Handler:
        handler.__dict__["operation"] = self
        return handler

    @classmethod
    def of(cls, handler: Callable[..., Any]) -> "Operation | None":
        """The description of a handler, if it has one."""
        found = getattr(handler, "operation", None)
        return found if isinstance(found, cls) else None
