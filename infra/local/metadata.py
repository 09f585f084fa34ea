"""The metadata server: where Google's libraries, without a key file, learn who and where they are.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
"""

import secrets
from http import HTTPStatus

from aiohttp import web

from infra.local.identity import PlatformIdentity
from infra.local.problems import Handler, Problem, problems

_FLAVOR = {"Metadata-Flavor": "Google"}
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/{account:default|[^/]+@[^/]+}"
_TOKEN_SECONDS = 3599


class MetadataServer:
    """Serves one project with one service account.

    The access tokens are opaque and open nothing: no stand-in checks them, and no real service knows them.
    """

    def __init__(self, project: str, service_account: str, identity: PlatformIdentity) -> None:
        self._project = project
        self._account = service_account
        self._identity = identity
        self._access_token = f"local-{secrets.token_urlsafe(24)}"

    def app(self) -> web.Application:
        """The server's routes."""
        app = web.Application(middlewares=[problems, _flavor])
        app.add_routes(
            [
                web.get("/", self._root),
                web.get("/computeMetadata/v1/project/project-id", self._project_id),
                web.get(f"{_ACCOUNT}/", self._describe),
                web.get(f"{_ACCOUNT}/email", self._email),
                web.get(f"{_ACCOUNT}/token", self._token),
                web.get(f"{_ACCOUNT}/identity", self._identity_token),
            ]
        )
        return app

    async def _root(self, _: web.Request) -> web.Response:
        return web.Response(text="computeMetadata/\n")

    async def _project_id(self, _: web.Request) -> web.Response:
        return web.Response(text=self._project)

    async def _describe(self, request: web.Request) -> web.Response:
        self._require_known(request)
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        return web.json_response({"aliases": ["default"], "email": self._account, "scopes": scopes})

    async def _email(self, request: web.Request) -> web.Response:
        self._require_known(request)
        return web.Response(text=self._account)

    async def _token(self, request: web.Request) -> web.Response:
        self._require_known(request)
        return web.json_response(
            {"access_token": self._access_token, "expires_in": _TOKEN_SECONDS, "token_type": "Bearer"}
        )

    async def _identity_token(self, request: web.Request) -> web.Response:
        self._require_known(request)
        audience = request.query.get("audience")
        if not audience:
            raise Problem(HTTPStatus.BAD_REQUEST, "non-empty audience parameter required")
        return web.Response(text=self._identity.mint(self._account, audience))

    def _require_known(self, request: web.Request) -> None:
        account = request.match_info["account"]
        if account not in ("default", self._account):
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no service account {account}")


@web.middleware
async def _flavor(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The header that keeps a forged request of a browser out, and tells clients that this is the one."""
    if request.path != "/" and request.headers.get("Metadata-Flavor") != "Google":
        raise Problem(HTTPStatus.FORBIDDEN, "the header Metadata-Flavor: Google is missing")
    response = await handler(request)
    response.headers.update(_FLAVOR)
    return response
