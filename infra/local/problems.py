"""Errors as RFC 9457 problem details, for everything that the local cloud itself answers over HTTP."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):
    """A request cannot be served; :func:`problems` turns this into the answer."""

    def __init__(self, status: HTTPStatus, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members

    def response(self) -> web.Response:
        """The problem document; without a ``type`` it is ``about:blank``, whose meaning is the status's."""
        document = {"title": self.status.phrase, "status": self.status, "detail": self.detail, **self.members}
        return web.Response(
            status=self.status, body=json.dumps(document).encode(), content_type="application/problem+json"
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer :class:`Problem` and aiohttp's own refusals as problem documents."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.path} takes {allowed} only").response()
        response.headers["Allow"] = allowed
        return response
    except web.HTTPNotFound:
        return Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path}").response()
    except web.HTTPError as error:
        return Problem(HTTPStatus(error.status), error.text or error.reason).response()
