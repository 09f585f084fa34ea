"""Links: what can be done with what an answer holds, by the id in it.

They are what series of requests are made of in the tests, and the way a reader goes.
"""

from collections.abc import Sequence
from typing import get_args

from pydantic import BaseModel

from docs.endpoints import Endpoint
from docs.schemas import Json
from shared.openapi import Answer


def links(source: Endpoint, answer: Answer, described: Sequence[Endpoint]) -> Json:
    """The Link Objects of an answer, by operation: what was written, or the first one of a list, leads on.

    Args:
        described: where links can lead.
    """
    if not answer.model or (source.method == "get" and source.operation.path):
        return {}
    found = {}
    for target in described:
        names = list(target.operation.path)
        pointer = _first_id(answer.model) if source.method == "get" else _id(answer.model, names)
        if _is_below(target, source) and len(names) == 1 and pointer:
            parameters = {names[0]: f"$response.body#{pointer}"} | _versions(answer, target)
            found[target.id] = {"operationId": target.id, "parameters": parameters}
    return found


def _is_below(target: Endpoint, source: Endpoint) -> bool:
    """Whether both are of the same things: what stands before the first id of a path says of which."""
    return target.function == source.function and source.path.startswith(target.path.split("/{")[0])


def _id(model: type[BaseModel], names: Sequence[str]) -> str:
    """Where in an answer the id is that a path calls by one of ``names``; empty if nowhere."""
    return next((f"/{name}" for name in (*names, "id") if name in model.model_fields), "")


def _first_id(model: type[BaseModel]) -> str:
    """Where in a page of a list the id of its first entry is."""
    for name, field in model.model_fields.items():
        for entry in get_args(field.annotation):
            if isinstance(entry, type) and issubclass(entry, BaseModel) and "id" in entry.model_fields:
                return f"/{name}/0/id"
    return ""


def _versions(answer: Answer, target: Endpoint) -> dict[str, str]:
    """The version of what was answered, for a target that asks for one."""
    wanted = [name for name in target.operation.headers if name.endswith("-Match")]
    return {f"header.{name}": "$response.header.ETag" for name in wanted if "ETag" in answer.headers}
