"""The HTTP side of the stand-in: pictures, and servers that misbehave."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import get_args

from aiohttp import web

from infra.local.pictures.bomb import bomb
from infra.local.pictures.photographs import Format, photograph
from infra.local.problems import Problem

_CONTENT_TYPES: Mapping[Format, str] = {"jpg": "image/jpeg", "png": "image/png"}
_PHOTOGRAPH = re.compile(rf"photo-(?P<seed>\d{{1,9}})\.(?P<form>{'|'.join(get_args(Format))})")
_WIDTH, _HEIGHT, _LONGEST_SIDE = 1600, 1200, 6000
_PAGE = b"<!doctype html><title>Not found</title><p>This image has moved. Or was it ever here?</p>\n"
_PIECE_BYTES = 64 * 1024
_LOOK_SECONDS = 0.1


class Pictures:
    """Serves photographs as ``photo-{seed}.jpg`` and ``photo-{seed}.png``, and trouble by its name."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._trouble: Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "bomb.png": self._bomb,
            "endless.jpg": self._endless,
            "flaky.jpg": self._flaky,
            "page.jpg": self._page,
            "redirect.jpg": self._redirect,
            "slow.jpg": self._slow,
            "truncated.jpg": self._truncated,
        }

    def routes(self, path: str) -> list[web.RouteDef]:
        """Every picture below ``path``."""
        return [web.get(f"{path}/{{name}}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if trouble := self._trouble.get(name):
            return await trouble(request)
        if found := _PHOTOGRAPH.fullmatch(name):
            return await _photograph(request, int(found["seed"]), "png" if found["form"] == "png" else "jpg")
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no picture {name!r}")

    async def _bomb(self, _: web.Request) -> web.Response:
        return web.Response(body=await asyncio.to_thread(bomb), content_type="image/png")

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(body=_PAGE, content_type="image/jpeg")

    async def _truncated(self, _: web.Request) -> web.Response:
        body = await asyncio.to_thread(photograph, 1, _WIDTH, _HEIGHT, "jpg")
        return web.Response(body=body[: len(body) // 2], content_type="image/jpeg")

    async def _redirect(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query.get("to", "photo-1.jpg"))

    async def _flaky(self, request: web.Request) -> web.Response:
        """Counts by the whole query, so that whoever wants a picture of his own adds a word to it."""
        self._asked[request.query_string] += 1
        if self._asked[request.query_string] <= _number(request, "times", 1, 1000):
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not now")
        return await _photograph(request, 1, "jpg")

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        response = await _begun(request)
        await response.write(b"\xff\xd8\xff")
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(_LOOK_SECONDS)
        return response

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = await _begun(request)
        piece = b"\xff\xd8\xff" + bytes(_PIECE_BYTES)
        try:
            while True:
                await response.write(piece)
        except ConnectionError:  # the caller has had enough
            return response


async def _photograph(request: web.Request, seed: int, form: Format) -> web.Response:
    width = _number(request, "width", _WIDTH, _LONGEST_SIDE)
    height = _number(request, "height", _HEIGHT, _LONGEST_SIDE)
    body = await asyncio.to_thread(photograph, seed, width, height, form)
    return web.Response(body=body, content_type=_CONTENT_TYPES[form])


async def _begun(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
    await response.prepare(request)
    return response


def _number(request: web.Request, name: str, default: int, highest: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= highest:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name} must be an integer from 1 to {highest}, not {text!r}")
    return int(text)
