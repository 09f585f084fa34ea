"""Cloud Run's door: it decides who may call a function before the request gets there.

A function that is not public is open to one service account, with a token that was made for the function's address. The
token goes on without its signature, so that nobody can use it again:
https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import jwt
from multidict import CIMultiDict

from infra.local.clock import Clock
from infra.local.environment import EVENTS_SERVICE_ACCOUNT, SCHEDULER_SERVICE_ACCOUNT, TASKS_SERVICE_ACCOUNT
from infra.local.identity import Issuer
from infra.local.problems import Problem
from infra.topology import Topology

Door = Callable[[CIMultiDict[str]], None]
"""Takes a request's headers, and makes of them what the function gets; raises ``Problem`` to whom it stays shut."""

SIGNATURE_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
_INVOKERS = {
    "tasks": TASKS_SERVICE_ACCOUNT,
    "scheduler": SCHEDULER_SERVICE_ACCOUNT,
    "events": EVENTS_SERVICE_ACCOUNT,
}
_REMEMBERED_TOKENS = 256


def doors(topology: Topology, base_url: str, platform: Issuer, clock: Clock) -> dict[str, Door]:
    """The doors of the topology's functions, by name.

    Args:
        base_url: below which functions are called, which makes it a part of their tokens' audience.
        platform: whose tokens are good.
    """
    return {
        name: open_to_all
        if function.access == "public"
        else InvokersDoor(_INVOKERS[function.access], f"{base_url}/{name}", platform, clock)
        for name, function in topology.functions.items()
    }


def open_to_all(headers: CIMultiDict[str]) -> None:
    """A public function's: whatever token there is, it is the function's to check."""


class InvokersDoor:
    """Open to one service account.

    Args:
        invoker: its e-mail address.
        audience: the function's address.
    """

    def __init__(self, invoker: str, audience: str, platform: Issuer, clock: Clock) -> None:
        self._invoker = invoker
        self._audience = audience
        self._clock = clock
        # Checking a signature takes longer than the rest of the way, and tokens are used many times.
        self._signed_claims = lru_cache(_REMEMBERED_TOKENS)(platform.claims)

    def __call__(self, headers: CIMultiDict[str]) -> None:
        """Let the request pass, its token without the signature.

        Raises:
            Problem: 403 without a token, or with another account's; 401 when the token is not good here; 501 for
                what is not implemented.
        """
        token = _token(headers)
        claims = self._claims(token)
        if claims.get("email") != self._invoker or claims.get("email_verified") is not True:
            raise Problem(HTTPStatus.FORBIDDEN, f"only {self._invoker} may invoke {self._audience}")
        headers["Authorization"] = f"Bearer {token.rpartition('.')[0]}.{SIGNATURE_REMOVED}"

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            claims = self._signed_claims(token)
        except (jwt.PyJWTError, ValueError) as error:  # the latter: what cannot be encoded
            raise _unauthorized(f"the token could not be verified: {error}") from error
        if claims["aud"] != self._audience:
            raise _unauthorized(f"the token is for {claims['aud']!r}, not for {self._audience!r}")
        expires = claims["exp"]
        if not isinstance(expires, int | float) or expires <= self._clock.time():
            raise _unauthorized("the token has expired")
        return claims


def _token(headers: CIMultiDict[str]) -> str:
    if "X-Serverless-Authorization" in headers:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "X-Serverless-Authorization; use Authorization")
    values = headers.getall("Authorization", [])
    if not values:
        raise Problem(
            HTTPStatus.FORBIDDEN, "the request was not authenticated; it has no Authorization header"
        )
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer":
        raise _unauthorized("one token is wanted, as 'Authorization: Bearer …'")
    return token.strip()


def _unauthorized(detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail)
