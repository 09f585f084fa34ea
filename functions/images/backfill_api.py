"""``/image-backfill`` over HTTP."""

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.images.backfill import MAX_PRODUCTS, Backfill, Chosen
from shared.auth import Authenticator
from shared.http import json_response, read_json
from shared.openapi import Answer, AnswerBody, Operation

_MAX_BODY_BYTES = 64 * 1024

ProductId = Annotated[str, Field(pattern="^[A-Za-z0-9]{1,64}$")]


class BackfillRequest(BaseModel):
    """Which products' images to render again: some by id, or so many in the order of their ids."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    product_ids: list[ProductId] = Field([], max_length=MAX_PRODUCTS)
    after: ProductId | None = Field(None, description="Begin after this product: `next` of the call before.")
    # Not strict: to JSON Schema, 20.0 is an integer too.
    limit: int = Field(20, ge=1, le=MAX_PRODUCTS, strict=False, description="As many products at most.")
    outdated: bool = Field(True, description="Leave images alone that the present policy has made.")


class BackfillBegun(AnswerBody):
    """What has been begun."""

    products: int = Field(ge=0)
    images: int = Field(ge=0)
    next: ProductId | None = Field(description="Where the next call may begin; null at the end.")


@dataclass(frozen=True)
class BackfillApi:
    """``/image-backfill``: for operators."""

    auth: Authenticator
    backfill: Backfill

    def routes(self) -> list[Route]:
        return [Route("/", self.begin, methods=["POST"])]

    @Operation(roles=("ops",), body=BackfillRequest, answers={202: Answer(BackfillBegun)})
    async def begin(self, request: Request) -> Response:
        """Render images again, of a bounded number of products: nothing goes on by itself."""
        (await self.auth.user(request)).require("ops")
        asked = await read_json(request, BackfillRequest, _MAX_BODY_BYTES)
        chosen = Chosen(asked.product_ids, asked.after or "", asked.limit, asked.outdated)
        return json_response(asdict(await self.backfill.begin(chosen)), 202)
