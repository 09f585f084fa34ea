"""The gateway's own page: what there is, for a program or a person."""

import html
from collections.abc import Sequence

from aiohttp import web


class IndexPage:
    """Lists the functions and the controls.

    Args:
        functions: their names.
        controls: the routes of ``/_local``.
    """

    def __init__(self, functions: Sequence[str], controls: Sequence[web.RouteDef]) -> None:
        self._functions = [f"/{name}" for name in functions]
        self._controls = [f"{route.method} {route.path}" for route in controls if route.method != "HEAD"]

    async def serve(self, request: web.Request) -> web.Response:
        """JSON, or HTML for a browser."""
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(text=self._page(), content_type="text/html")
        return web.json_response({"functions": self._functions, "controls": self._controls})

    def _page(self) -> str:
        functions = "".join(f"<li><code>{html.escape(path)}/…</code></li>" for path in self._functions)
        controls = "".join(f"<li><code>{html.escape(control)}</code></li>" for control in self._controls)
        return (
            "<!doctype html><meta charset=utf-8><title>Backstock, local</title>"
            "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:46rem;padding:0 1rem}</style>"
            f"<h1>Backstock on this machine</h1><h2>Functions</h2><ul>{functions}</ul>"
            f"<h2>Controls</h2><p>None of these exists on Google Cloud.</p><ul>{controls}</ul>"
        )
