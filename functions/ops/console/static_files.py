"""The page's own files: each below an address with its hash, so that browsers may keep it for good."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.problems import Problem

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_HASH_DIGITS = 16


@dataclass(frozen=True)
class StaticFile:
    """One of the files, as it is in this deployment."""

    name: str
    media_type: str
    content: bytes

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:_HASH_DIGITS]


class StaticFiles:
    """Serves a fixed list of files, which are no secret.

    Args:
        prefix: the path of the function, such as ``/ops``.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @cached_property
    def _files(self) -> dict[str, StaticFile]:
        found = ((name, kind, (_FOLDER / name).read_bytes()) for name, kind in _TYPES.items())
        return {name: StaticFile(name, kind, content) for name, kind, content in found}

    def address(self, name: str) -> str:
        """Where a file of this deployment is."""
        return f"{self._prefix}/console/static/{self._files[name].hash}/{name}"

    def routes(self) -> list[Route]:
        return [Route("/console/static/{hash}/{name}", self.serve, methods=["GET"])]

    async def serve(self, request: Request) -> Response:
        """A file. While two revisions serve at once, one is asked for the other's: it gives its own, not to be kept."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise Problem(404, "not-found", "There is no such file.")
        is_ours = request.path_params["hash"] == file.hash
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if is_ours else "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return Response(file.content, media_type=file.media_type, headers=headers)
