"""Who is signed in: the operator's own bearer token, kept by the browser in a cookie that no script can read.

There is no session on the server and no secret of our own: each request has its token checked like one of the API.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from shared.auth import Authenticator, Principal
from shared.clock import Clock
from shared.problems import Problem

# Browsers take a cookie of 4,096 bytes, name and attributes included (RFC 6265, section 6.1).
MAX_TOKEN_BYTES = 3_800
_NAME = "backstock-session"


@dataclass(frozen=True)
class Session:
    """An operator who is signed in, until when, and the token that says so."""

    operator: Principal
    expires_at: datetime
    token: str

    @property
    def who(self) -> str:
        """The ``sub`` of the token, as the audit log has it."""
        return self.operator.subject


class Sessions:
    """Opens, finds and ends sessions.

    Args:
        base_url: of the deployment; the cookie is for its function ``ops`` alone.
    """

    def __init__(self, auth: Authenticator, base_url: str, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self.path = f"{urlsplit(base_url).path.rstrip('/')}/ops"
        self._is_secure = base_url.startswith("https:")
        # A name that browsers refuse to take from plain http: nobody in between can set one.
        self.cookie = f"__Secure-{_NAME}" if self._is_secure else _NAME

    async def opened(self, token: str) -> Session:
        """A session with a token.

        Raises:
            Problem: 401, it is not good; 403, its owner is no operator; 422, it is too long; 503, the issuer is out of
                reach.
        """
        if len(token.encode()) > MAX_TOKEN_BYTES:
            limit = f"{MAX_TOKEN_BYTES:,}"
            detail = f"The token has more than {limit} characters: no browser keeps so much. Have its issuer say less."
            raise Problem(422, "token-too-long", detail)
        operator, expires_at = await self._auth.user_with(token)
        operator.require("ops")
        return Session(operator, expires_at, token)

    async def of(self, request: Request) -> Session | None:
        """The request's session; ``None`` if it has none, or one that has ended.

        Raises:
            Problem: 403 and 503, as :meth:`opened`.
        """
        token = request.cookies.get(self.cookie)
        if not token:
            return None
        try:
            return await self.opened(token)
        except Problem as problem:
            if problem.status in (401, 422):
                return None
            raise

    def begin(self, response: Response, session: Session) -> None:
        """Have the browser keep a session for as long as its token is good."""
        lasts = max(0, int((session.expires_at - self._clock()).total_seconds()))
        response.set_cookie(
            self.cookie,
            session.token,
            max_age=lasts,
            path=self.path,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )

    def end(self, response: Response) -> None:
        """Have the browser forget its session."""
        response.delete_cookie(
            self.cookie, path=self.path, secure=self._is_secure, httponly=True, samesite="strict"
        )
