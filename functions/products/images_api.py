"""``/products/{id}/images`` over HTTP: upload links, and what has become of each image."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.products.callers import PRIVATE, caller, owner, product_id_of
from functions.products.catalog import Catalog
from functions.products.model import ProductId
from functions.products.uploads import UploadLink, UploadRequest, Uploads
from shared.auth import Authenticator
from shared.http import json_response, read_json
from shared.images import MAX_IMAGES, Images, ImageTask, Status, StoredImage, is_shown
from shared.openapi import Answer, AnswerBody, Operation
from shared.problems import Problem
from shared.products import StoredProduct
from shared.settings import Settings

_MAX_BODY_BYTES = 1024
# Those that a product shows, and as many that have not come or have failed.
_MAX_STATES = 5 * MAX_IMAGES
_COMING = ("awaiting", "pending")

ImageId = Annotated[str, Field(pattern="^[A-Za-z0-9]{1,64}$")]


class ImageState(AnswerBody):
    """How far an image is."""

    id: ImageId
    source: str = Field(description="As in `product_images`.")
    uploaded: bool = Field(description="Whether it came by an upload link.")
    status: Status = Field(
        description="`awaiting` until an upload has come; `removed` until its files are gone."
    )
    attempts: int = Field(ge=0, description="Those to fetch it, and then those to compress it.")
    error: str = Field(description="The last failure, if any.")
    position: int | None = Field(ge=0, description="Its first place in `product_images`, if it has one.")


class ImageStates(AnswerBody):
    """The images of a product: first those that it shows, in order."""

    images: list[ImageState]


@dataclass(frozen=True)
class ProductImagesApi:
    """``/products/{id}/images``: a seller's own products; operators help with anybody's."""

    auth: Authenticator
    catalog: Catalog
    images: Images
    uploads: Uploads
    config: Settings

    def routes(self) -> list[Route]:
        return [
            Route("/{product_id}/images", self.create_upload, methods=["POST"]),
            Route("/{product_id}/images", self.states, methods=["GET"]),
            Route("/{product_id}/images/{image_id}", self.original, methods=["GET"]),
        ]

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        body=UploadRequest,
        answers={201: Answer(UploadLink)},
        problems={
            409: {"too-many-images": f"The product has {MAX_IMAGES} images, uploads on their way among them."}
        },
    )
    async def create_upload(self, request: Request) -> Response:
        """A link to upload an image to, good for 15 minutes: it joins ``product_images`` once it is done."""
        principal = await caller(self.auth, request)
        wanted = await read_json(request, UploadRequest, _MAX_BODY_BYTES)
        product = await self.catalog.get(product_id_of(request), owner(principal))
        if "images" not in product.fields:
            await self.catalog.adopt_images(product.id, owner(principal))
        await self._require_room(product)
        task = ImageTask(product_id=product.id, image_id=self.images.new_id())
        url, headers, expires_at = await self.uploads.link(product.id, task.image_id, wanted.content_type)
        source = f"{self.config.base_url}/products/{product.id}/images/{task.image_id}"
        await self.images.await_upload(task, source)
        link = {"image_id": task.image_id, "method": "PUT", "url": url, "headers": headers}
        return json_response(link | {"expires_at": expires_at, "source": source}, 201)

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId},
        answers={200: Answer(ImageStates, headers=("Cache-Control",))},
    )
    async def states(self, request: Request) -> Response:
        """How far the images of a product are, those on their way among them."""
        principal = await caller(self.auth, request)
        product = await self.catalog.get(product_id_of(request), owner(principal))
        found = await self._states_of(product)
        return json_response({"images": _states(product, found)}, headers=PRIVATE)

    async def _require_room(self, product: StoredProduct) -> None:
        """Let no more uploads begin than can join the product: each may be 25 MiB, and is rendered."""
        found = await self.images.of_product(product.id, _MAX_STATES)
        entries = product.fields.get("images", [])
        coming = [image for image in found if image.status in _COMING and not is_shown(entries, image.id)]
        if len(product.fields["product_images"]) + len(coming) >= MAX_IMAGES:
            detail = f"It has {len(entries)}, and {len(coming)} uploads are on their way: at most {MAX_IMAGES} in all."
            raise Problem(409, "too-many-images", detail)

    async def _states_of(self, product: StoredProduct) -> list[StoredImage]:
        found = {image.id: image for image in await self.images.of_product(product.id, _MAX_STATES)}
        # There may be more upload links than are looked at, and what the product shows is not to be missing.
        missing = {entry["id"] for entry in product.fields.get("images", [])} - found.keys()
        return list((found | await self.images.several(missing)).values())

    @Operation(
        roles=("seller", "ops"),
        path={"product_id": ProductId, "image_id": ImageId},
        answers={302: Answer(headers=("Cache-Control", "Location"))},
    )
    async def original(self, request: Request) -> Response:
        """The image as it came: leads to a link that is good for 5 minutes."""
        principal = await caller(self.auth, request)
        product = await self.catalog.get(product_id_of(request), owner(principal))
        image_id = request.path_params["image_id"]
        if not is_shown(product.fields.get("images", []), image_id):
            raise Problem(404, "not-found", f"The product has no image {image_id}.")
        headers = PRIVATE | {"Location": await self.uploads.original(product.id, image_id)}
        return Response(status_code=302, headers=headers)


def _states(product: StoredProduct, found: list[StoredImage]) -> list[dict[str, Any]]:
    places: dict[str, int] = {}
    for place, entry in enumerate(product.fields.get("images", [])):
        places.setdefault(entry["id"], place)
    ordered = sorted(found, key=lambda image: (places.get(image.id, MAX_IMAGES), image.id))
    own = ("id", "source", "uploaded", "status", "attempts", "error")
    return [
        {name: getattr(image, name) for name in own} | {"position": places.get(image.id)} for image in ordered
    ]
