"""Makes ``docs/openapi.json`` of the public functions' routes and models: ``python -m docs.openapi``.

OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), whose schemas are JSON Schema 2020-12, as pydantic writes them.
"""

import inspect
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from docs import schemas
from docs.endpoints import APIS, Api, Endpoint, endpoints
from docs.links import links
from docs.schemas import Json, markdown
from infra.topology import Topology, load
from shared.openapi import Operation, ProblemDetails
from shared.queries import Query

DOCUMENT = Path(__file__).with_name("openapi.json")
_PROJECT = Path(__file__).parents[1] / "pyproject.toml"

_SERVERS = [
    {"url": "http://127.0.0.1:8080", "description": "The local cloud: `make run`."},
    {
        "url": "https://{region}-{project}.cloudfunctions.net",
        "description": "Google Cloud.",
        "variables": {"region": {"default": "europe-west1"}, "project": {"default": "my-project"}},
    },
]
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An OIDC token with the claims `sub`, `account` (the tenant) and `roles`. "
    "Where an operation lists several roles, any of them is enough.",
}


def _header(description: str, required: bool = True, **schema: Any) -> Json:
    return {"description": description, "required": required, "schema": schema}


_HEADERS = {
    "Cache-Control": _header("Who may keep the answer.", type="string"),
    "ETag": _header("The version.", type="string", pattern='^"[^"]+"$'),
    "Location": _header("Where to find what was made.", type="string", format="uri"),
    "Retry-After": _header("In seconds.", required=False, type="integer", minimum=0),
    "WWW-Authenticate": _header("How to authenticate.", type="string", pattern="^Bearer "),
}
_PROBLEM_HEADERS = {
    "request-in-flight": "Retry-After",
    "unauthorized": "WWW-Authenticate",
    "unavailable": "Retry-After",
    "version-moved": "ETag",
}


def document(topology: Topology, apis: Mapping[str, Sequence[type[Api]]] = APIS) -> Json:
    """The OpenAPI document.

    Raises:
        LookupError: as :func:`docs.endpoints.endpoints`.
    """
    described = endpoints(topology, apis)
    models = [model for endpoint in described for model in endpoint.models]
    references, components = schemas.components([*models, (ProblemDetails, "serialization")])
    writer = _Writer(references, described)
    paths: Json = {}
    for endpoint in described:
        paths.setdefault(endpoint.path, {})[endpoint.method] = writer.operation(endpoint)
    return {
        "openapi": "3.1.1",
        "info": _info(),
        "servers": _SERVERS,
        "tags": [{"name": name} for name in apis],
        "paths": paths,
        "components": {
            "headers": _HEADERS,
            "responses": dict(sorted(writer.problems.items())),
            "schemas": components,
            "securitySchemes": {"token": _TOKEN},
        },
    }


def _info() -> Json:
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    description = "Errors are problem documents (RFC 9457) with a stable `type`. Unknown fields are refused."
    return {"title": "Backstock", "version": project["version"], "description": description}


class _Writer:
    """Writes operations, and collects the problems that they refer to.

    Args:
        references: the component of each model, by model and mode.
        described: what links can lead to.
    """

    def __init__(self, references: Mapping[Any, Json], described: Sequence[Endpoint]) -> None:
        self._references = references
        self._described = described
        self.problems: Json = {}

    def operation(self, endpoint: Endpoint) -> Json:
        """The Operation Object of an endpoint."""
        told = endpoint.operation
        summary, _, description = inspect.cleandoc(endpoint.handler.__doc__ or "").partition("\n\n")
        answers = {str(status): self._answer(endpoint, status) for status in told.answers}
        problems = {str(status): self._problem(status, kinds) for status, kinds in endpoint.problems.items()}
        written = {
            "operationId": endpoint.id,
            "tags": [endpoint.function],
            "summary": markdown(summary),
            "description": markdown(description),
            "security": [{"token": [role]} for role in told.roles],
            "parameters": list(_parameters(told)),
            "requestBody": told.body
            and {
                "required": told.body_required,
                "content": self._content(told.body, "validation", told.media_types),
            },
            "responses": answers | problems,
        }
        # An empty ``security`` says that there is none; all else that is empty says nothing.
        return {name: value for name, value in written.items() if value or name == "security"}

    def _content(
        self, model: type[BaseModel], mode: JsonSchemaMode, media_types: Sequence[str] = ("application/json",)
    ) -> Json:
        return {media_type: {"schema": self._references[model, mode]} for media_type in media_types}

    def _answer(self, endpoint: Endpoint, status: int) -> Json:
        answer = endpoint.operation.answers[status]
        written: Json = {
            "description": HTTPStatus(status).phrase,
            "headers": {name: _refer("headers", name) for name in answer.headers},
            "content": answer.model and self._content(answer.model, "serialization"),
            "links": links(endpoint, answer, self._described),
        }
        return {name: value for name, value in written.items() if value}

    def _problem(self, status: int, kinds: Mapping[str, str]) -> Json:
        name = f"{status}-{'-or-'.join(kinds)}"
        types = [f"urn:backstock:problem:{kind}" for kind in kinds]
        exactly = {"properties": {"type": {"enum": types}, "status": {"const": status}}}
        schema = {"allOf": [self._references[ProblemDetails, "serialization"], exactly]}
        headers = {_PROBLEM_HEADERS[kind] for kind in kinds if kind in _PROBLEM_HEADERS}
        written: Json = {"description": " ".join(kinds.values())}
        if headers:
            written["headers"] = {header: _refer("headers", header) for header in sorted(headers)}
        self.problems[name] = written | {"content": {"application/problem+json": {"schema": schema}}}
        return _refer("responses", name)


def _parameters(told: Operation) -> Iterator[Json]:
    for name, type_ in told.path.items():
        yield _parameter("path", name, schemas.parameter(type_), required=True)
    for name, type_ in told.headers.items():
        yield _parameter("header", name, schemas.parameter(type_), required=False)
    if told.query:
        for name, (schema, required) in schemas.parameters(told.query).items():
            written = _parameter("query", name, schema, required)
            may_be_empty = issubclass(told.query, Query) and not required
            yield written | ({"allowEmptyValue": True} if may_be_empty else {})


def _parameter(place: str, name: str, schema: Json, required: bool) -> Json:
    """A Parameter Object. Values of a list are separated by commas."""
    written: Json = {"name": name, "in": place, "required": required}
    if description := schema.pop("description", ""):
        written["description"] = markdown(description)
    if schema.get("type") == "array":
        written |= {"style": "form", "explode": False}
    return written | {"schema": schema}


def _refer(section: str, name: str) -> Json:
    return {"$ref": f"#/components/{section}/{name}"}


def render(content: Json) -> str:
    """The document as the text of its file."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    DOCUMENT.write_text(render(document(load())), encoding="utf-8")


if __name__ == "__main__":
    main()
