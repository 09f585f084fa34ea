"""The OpenAPI document: in step with the code, valid, and complete."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
import schemathesis
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docs.endpoints import APIS, endpoints
from docs.openapi import DOCUMENT, document, render
from infra.topology import Topology, load
from shared.openapi import Answer, AnswerBody, Operation
from shared.queries import Query
from tests.e2e.harness import ROOT


class Shoe(BaseModel):
    """A shoe, by its ``size``."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=14, description="European.")


class StoredShoe(AnswerBody):
    id: str
    size: int
    note: str | None = None


class ShoePage(AnswerBody):
    shoes: list[StoredShoe]


class ShoeQuery(Query):
    sizes: tuple[int, ...] = ()
    color: Literal["red", "green"] | None = Field(None, description="Of the outside.")


class StrictQuery(BaseModel):
    force: bool


class ShoesApi:
    """Operations that between them use everything that a description can say."""

    def __init__(self, services: object) -> None:
        raise AssertionError("a document needs no services")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.list, methods=["GET"]),
            Route("/", self.add, methods=["POST"]),
            Route("/{shoe_id}", self.burn, methods=["DELETE"]),
        ]

    @Operation(roles=(), query=ShoeQuery, answers={200: Answer(ShoePage)})
    async def list(self, request: Request) -> Response:
        """The shoes, as ``sizes`` and
        color say."""
        raise NotImplementedError

    @Operation(
        roles=("seller", "ops"),
        headers={"Idempotency-Key": Annotated[str, Field(max_length=9)]},
        body=Shoe,
        media_types=("application/json", "application/shoe+json"),
        answers={201: Answer(StoredShoe, headers=("ETag", "Location"))},
        problems={400: {"too-many": "There is no room."}},
    )
    async def add(self, request: Request) -> Response:
        """Add a shoe.

        At the end
        of the shelf.
        """
        raise NotImplementedError

    @Operation(
        roles=("ops",),
        path={"shoe_id": Annotated[str, Field(pattern="^[a-z]+$")]},
        headers={"If-Match": str},
        query=StrictQuery,
        answers={204: Answer()},
    )
    async def burn(self, request: Request) -> Response:
        """Burn it."""
        raise NotImplementedError


def topology(*public: str) -> Topology:
    """The real one with other public functions."""
    real = load()
    example = real.functions["returns"].model_copy(update={"enqueues": ()})
    private = {name: function for name, function in real.functions.items() if function.access != "public"}
    return real.model_copy(update={"functions": private | dict.fromkeys(public, example)})


@pytest.fixture(scope="module")
def shoes() -> dict[str, Any]:
    return document(topology("red-shoes"), {"red-shoes": [ShoesApi]})


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return found


# The document that is published


def test_the_document_is_in_step_with_the_code() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(document(load())), (
        "run 'make openapi' and commit it"
    )


def test_the_products_function_carries_the_document() -> None:
    assert (ROOT / "functions" / "products" / "openapi.json").resolve() == DOCUMENT


@pytest.mark.parametrize("content", ["published", "shoes"])
def test_the_document_is_valid(content: str, request: pytest.FixtureRequest) -> None:
    schemathesis.openapi.from_dict(request.getfixturevalue(content)).validate()


def test_the_schemas_are_valid(published: dict[str, Any]) -> None:
    for schema in published["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator(schema | {"components": published["components"]})


def test_everything_that_is_referred_to_is_there(published: dict[str, Any]) -> None:
    for reference in _values_of("$ref", published):
        found: Any = published
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    links = set(_values_of("operationId", _values_of("links", published["paths"])))
    assert links <= set(_operation_ids(published))


def test_everything_that_is_there_is_referred_to(published: dict[str, Any]) -> None:
    referred = set(_values_of("$ref", published))
    sections = ("headers", "responses", "schemas")
    there = {f"#/components/{name}/{part}" for name in sections for part in published["components"][name]}
    assert there <= referred


def test_each_operation_has_a_name_of_its_own(published: dict[str, Any]) -> None:
    names = _operation_ids(published)
    assert len(names) == len(set(names))


def _operation_ids(content: dict[str, Any]) -> list[str]:
    return [operation["operationId"] for path in content["paths"].values() for operation in path.values()]


def _values_of(key: str, part: Any) -> Iterator[Any]:
    """What stands under a key, anywhere in a document."""
    if isinstance(part, dict):
        if key in part:
            yield part[key]
        part = part.values()
    elif isinstance(part, str):
        return
    if isinstance(part, Iterable):
        for inner in part:
            yield from _values_of(key, inner)


# What is not described


def test_a_public_function_without_a_description_is_refused() -> None:
    with pytest.raises(LookupError, match="blue-shoes"):
        endpoints(topology("red-shoes", "blue-shoes"), {"red-shoes": [ShoesApi]})


def test_a_description_without_a_public_function_is_refused() -> None:
    with pytest.raises(LookupError, match="red-shoes"):
        endpoints(topology(), {"red-shoes": [ShoesApi]})


def test_a_handler_without_a_description_is_refused() -> None:
    class Silent(ShoesApi):
        async def burn(self, request: Request) -> Response:
            raise NotImplementedError

    with pytest.raises(LookupError, match=r"Silent\.burn.*@Operation"):
        endpoints(topology("red-shoes"), {"red-shoes": [Silent]})


def test_the_platform_s_own_functions_are_no_part_of_it() -> None:
    assert {endpoint.function for endpoint in endpoints(load(), APIS)} == set(APIS)


# What the document says of an operation


def test_paths_begin_with_the_function_s_name(shoes: dict[str, Any]) -> None:
    assert {path: list(operations) for path, operations in shoes["paths"].items()} == {
        "/red-shoes": ["get", "post"],
        "/red-shoes/{shoe_id}": ["delete"],
    }


def test_a_docstring_is_summary_and_description(shoes: dict[str, Any]) -> None:
    add, listing = (shoes["paths"]["/red-shoes"][method] for method in ("post", "get"))
    assert (add["operationId"], add["tags"]) == ("red_shoes_add", ["red-shoes"])
    assert (add["summary"], add["description"]) == ("Add a shoe.", "At the end of the shelf.")
    assert listing["summary"] == "The shoes, as `sizes` and color say."
    assert "description" not in listing
    assert shoes["components"]["schemas"]["Shoe"]["description"] == "A shoe, by its `size`."


def test_any_of_the_roles_is_enough(shoes: dict[str, Any]) -> None:
    assert shoes["paths"]["/red-shoes"]["post"]["security"] == [{"token": ["seller"]}, {"token": ["ops"]}]
    assert shoes["paths"]["/red-shoes"]["get"]["security"] == []


def test_parameters_come_from_the_types_that_check_them(shoes: dict[str, Any]) -> None:
    sizes, color = shoes["paths"]["/red-shoes"]["get"]["parameters"]
    assert sizes == {
        "name": "sizes",
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": {"type": "integer"}, "default": []},
        "allowEmptyValue": True,
    }
    assert color["description"] == "Of the outside."
    assert color["schema"] == {"type": "string", "enum": ["red", "green"]}
    (key,) = shoes["paths"]["/red-shoes"]["post"]["parameters"]
    assert (key["in"], key["required"], key["schema"]) == (
        "header",
        False,
        {"type": "string", "maxLength": 9},
    )
    shoe_id, _, force = shoes["paths"]["/red-shoes/{shoe_id}"]["delete"]["parameters"]
    assert (shoe_id["in"], shoe_id["required"]) == ("path", True)
    assert shoe_id["schema"] == {"type": "string", "pattern": "^[a-z]+$"}
    assert force["required"]
    assert "allowEmptyValue" not in force


def test_a_body_is_required_in_one_of_its_media_types(shoes: dict[str, Any]) -> None:
    schema = {"schema": {"$ref": "#/components/schemas/Shoe"}}
    assert shoes["paths"]["/red-shoes"]["post"]["requestBody"] == {
        "required": True,
        "content": {"application/json": schema, "application/shoe+json": schema},
    }


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/red-shoes", "get", [200, 422, 503]),
        ("/red-shoes", "post", [201, 400, 401, 403, 413, 415, 422, 503]),
        ("/red-shoes/{shoe_id}", "delete", [204, 401, 403, 404, 422, 503]),
    ],
)
def test_problems_follow_from_what_can_be_wrong(
    shoes: dict[str, Any], path: str, method: str, statuses: list[int]
) -> None:
    assert [int(status) for status in shoes["paths"][path][method]["responses"]] == statuses


def test_a_problem_names_its_kinds(shoes: dict[str, Any]) -> None:
    reference = shoes["paths"]["/red-shoes"]["post"]["responses"]["400"]["$ref"]
    problem = shoes["components"]["responses"][reference.rpartition("/")[2]]
    assert problem["description"] == "There is no room. The body is not JSON."
    details, exactly = problem["content"]["application/problem+json"]["schema"]["allOf"]
    assert details == {"$ref": "#/components/schemas/ProblemDetails"}
    assert exactly["properties"] == {
        "type": {"enum": ["urn:backstock:problem:too-many", "urn:backstock:problem:malformed-json"]},
        "status": {"const": 400},
    }


def test_answers_have_their_content_and_headers(shoes: dict[str, Any]) -> None:
    added = shoes["paths"]["/red-shoes"]["post"]["responses"]["201"]
    assert added["description"] == "Created"
    assert added["headers"]["Location"] == {"$ref": "#/components/headers/Location"}
    assert added["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/StoredShoe"}}}
    stored = shoes["components"]["schemas"]["StoredShoe"]
    assert stored["required"] == ["id", "size", "note"]
    assert stored["additionalProperties"] is False
    assert shoes["paths"]["/red-shoes/{shoe_id}"]["delete"]["responses"]["204"] == {
        "description": "No Content"
    }


def test_what_was_made_leads_to_what_can_be_done_with_it(shoes: dict[str, Any]) -> None:
    assert shoes["paths"]["/red-shoes"]["post"]["responses"]["201"]["links"] == {
        "red_shoes_burn": {
            "operationId": "red_shoes_burn",
            "parameters": {
                "shoe_id": "$response.body#/id",
                "header.If-Match": "$response.header.ETag",
            },
        }
    }


def test_a_list_leads_to_what_can_be_done_with_its_first_entry(shoes: dict[str, Any]) -> None:
    assert shoes["paths"]["/red-shoes"]["get"]["responses"]["200"]["links"] == {
        "red_shoes_burn": {
            "operationId": "red_shoes_burn",
            "parameters": {"shoe_id": "$response.body#/shoes/0/id"},
        }
    }
