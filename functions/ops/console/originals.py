"""``/ops/console/originals``: an image as it came, to be seen beside what was made of it.

The bucket of originals is closed to everybody. The catalog gives operators a link to one of them that is good for five
minutes; the picture is passed on from there, so that the page needs to be allowed to show no other site's. It is a
stranger's file: browsers are told to take it for a picture of its type and for nothing else.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from functions.ops.console.door import Door
from functions.ops.console.rendering import Visit
from functions.ops.siblings import unavailable
from shared.images import MAX_ORIGINAL_BYTES
from shared.problems import Problem

if TYPE_CHECKING:
    import httpx

_TYPES = {f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "avif", "heic", "heif", "tiff", "bmp")}
_HEADERS = {
    "Cache-Control": "private, max-age=300",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Originals:
    """Passes pictures on.

    Args:
        connect: gives a client of the functions, which is asked for once.
    """

    door: Door
    connect: "Callable[[], httpx.AsyncClient]"

    def routes(self) -> list[Route]:
        return [Route("/console/originals/{product}/{image}", self.door.page(self.show), methods=["GET"])]

    async def show(self, visit: Visit) -> Response:
        """The original of an image that a product shows."""
        product, image = (visit.request.path_params[name] for name in ("product", "image"))
        if not (product.isascii() and product.isalnum() and image.isascii() and image.isalnum()):
            raise _none()
        picture = await self._opened(await self._link(product, image, visit.token))
        media_type = picture.headers.get("content-type", "")
        if picture.status_code != 200 or media_type not in _TYPES:
            await picture.aclose()
            raise _none()
        return StreamingResponse(_pieces(picture), media_type=media_type, headers=_HEADERS)

    @cached_property
    def _client(self) -> "httpx.AsyncClient":
        return self.connect()

    async def _link(self, product: str, image: str, token: str) -> str:
        import httpx

        try:
            headers = {"Authorization": f"Bearer {token}"}
            answer = await self._client.get(f"products/{product}/images/{image}", headers=headers)
        except httpx.HTTPError as error:
            raise unavailable("The catalog does not answer; try again in a moment.") from error
        if answer.status_code != 302:
            raise _none()
        return answer.headers["location"]

    async def _opened(self, link: str) -> "httpx.Response":
        import httpx

        try:
            return await self._client.send(self._client.build_request("GET", link), stream=True)
        except httpx.HTTPError as error:
            raise unavailable("The original cannot be had; try again in a moment.") from error


async def _pieces(picture: "httpx.Response") -> AsyncIterator[bytes]:
    """The bytes of a picture, and no more of them than one may have."""
    passed = 0
    try:
        async for piece in picture.aiter_bytes():
            passed += len(piece)
            if passed > MAX_ORIGINAL_BYTES:
                return
            yield piece
    finally:
        await picture.aclose()


def _none() -> Problem:
    return Problem(404, "not-found", "There is no such picture.")
