"""JSON Schemas of models, as OpenAPI 3.1 has them and a reader wants them."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from docs.endpoints import Model

Json = dict[str, Any]


class _Schemas(GenerateJsonSchema):
    """Pydantic's schemas, without what says nothing to a reader, and with docstrings as Markdown."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Json:
        made = super().default_schema(schema)
        if self.mode == "serialization":
            made.pop("default", None)
        return made

    def model_schema(self, schema: Any) -> Json:
        made = super().model_schema(schema)
        made.pop("title", None)
        return made | ({"description": markdown(made["description"])} if "description" in made else {})


def components(models: Iterable[Model]) -> tuple[dict[Any, Json], Json]:
    """A reference to each model, by model and mode, and the schemas that they refer to, by name."""
    references, definitions = models_json_schema(
        sorted(set(models), key=lambda model: (model[0].__name__, model[1])),
        ref_template="#/components/schemas/{model}",
        schema_generator=_Schemas,
    )
    return dict(references), definitions["$defs"]


def parameters(model: type[BaseModel]) -> dict[str, tuple[Json, bool]]:
    """The schema of each field of a model, and whether it must be there; nothing is null in a query string."""
    schema = model.model_json_schema(schema_generator=_Schemas)
    required = schema.get("required", ())
    return {name: (_without_null(field), name in required) for name, field in schema["properties"].items()}


def parameter(type_: Any) -> Json:
    """The schema of a single type."""
    return TypeAdapter(type_).json_schema(schema_generator=_Schemas)


def _without_null(schema: Json) -> Json:
    kept = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    options = [option for option in kept.pop("anyOf", ()) if option != {"type": "null"}]
    if len(options) > 1:
        return {"anyOf": options, **kept}
    return {**(options[0] if options else {}), **kept}


def markdown(text: str) -> str:
    """A docstring as Markdown, a paragraph a line."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text).replace("``", "`")
