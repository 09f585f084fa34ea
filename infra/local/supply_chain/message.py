"""The body of a POST: one version of a product."""

from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra.local.problems import Problem

_MAX_VERSION = 2**63 - 1  # of SQLite


class Message(BaseModel):
    """What the partner is told about a product; ``product`` is None when it was deleted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: Annotated[int, Field(ge=1, le=_MAX_VERSION)]
    type: Literal["product:created", "product:updated", "product:deleted"]
    product: dict[str, Any] | None
    occurred_at: AwareDatetime

    @property
    def deleted(self) -> bool:
        """Whether there is no such product any more."""
        return self.product is None

    @model_validator(mode="after")
    def _has_content_or_is_deleted(self) -> Self:
        if self.deleted != (self.type == "product:deleted"):
            raise ValueError("type product:deleted has a product of null, and no other type has")
        return self


def read_message(body: bytes, product_id: str) -> Message:
    """The message in ``body``, sent to ``product_id``'s path.

    Raises:
        Problem: 400 the body is not JSON (UTF-8, and numbers that are numbers); 422 it is not a message, or is one
            about another product.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error
    try:
        message = Message.model_validate_json(orjson.dumps(document), strict=True)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors()]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(faults)) from error
    if message.id != product_id:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"id: {message.id!r} is not the product of {product_id!r}'s path"
        )
    return message


def claimed_version(body: bytes) -> int | None:
    """The version that a body names, whatever else is wrong with it."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    version = document.get("version") if isinstance(document, dict) else None
    return version if type(version) is int and 1 <= version <= _MAX_VERSION else None
