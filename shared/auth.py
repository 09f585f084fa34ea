"""Who is calling: users and partner systems by OIDC token, the platform's callers by theirs. Fails closed."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import jwt
from cachetools import TTLCache
from starlette.requests import Request

from shared.problems import Problem
from shared.settings import Settings

Role = Literal["seller", "warehouse", "retailer", "ops"]

# Clocks of an issuer and of a function may differ by this many seconds.
_LEEWAY = 30
# Tokens found good that are remembered, and for how long. A key that is withdrawn counts for as much longer.
_REMEMBERED = 4096
_REMEMBERED_SECONDS = 60
_REQUIRED = ["exp", "iss", "aud", "sub"]
# What Cloud Run leaves of a signature that it has checked:
# https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed
_SIGNATURE_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"
# The account becomes part of search filters and of document fields, so its alphabet is closed.
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# As OIDC bounds it, and as the database can keep it: half a character is no text.
_SUBJECT = re.compile(r"[^\ud800-\udfff]{1,255}")


@dataclass(frozen=True)
class Principal:
    """A caller whose token was checked. ``account`` is the tenant it belongs to, if any."""

    subject: str
    account: str | None
    roles: frozenset[str] = field(default_factory=frozenset)

    @property
    def sees_all_accounts(self) -> bool:
        return "ops" in self.roles

    def require(self, *roles: Role) -> None:
        """Let pass only who has one of ``roles``.

        Raises:
            Problem: 403.
        """
        if not self.roles.intersection(roles):
            raise Problem(403, "forbidden", f"This needs the role {' or '.join(roles)}.")

    def tenant(self) -> str | None:
        """The account whose data this caller may touch; ``None`` stands for all of them.

        Raises:
            Problem: 403 when the token names no account and the caller is not an operator.
        """
        if self.sees_all_accounts:
            return None
        if self.account is None:
            raise Problem(403, "forbidden", "The token names no account.")
        return self.account


class TokenVerifier:
    """Checks tokens of one issuer: signature, issuer, audience, lifetime. Keys are cached for 5 minutes.

    What was found good is remembered for a minute, since checking a signature takes longer than serving most
    requests; its lifetime is looked at every time.
    """

    def __init__(self, jwks_url: str, issuer: str) -> None:
        self._keys = jwt.PyJWKClient(jwks_url, lifespan=300, timeout=5)
        self._issuer = issuer
        self._good: TTLCache[tuple[str, str | None], dict[str, Any]] = TTLCache(
            _REMEMBERED, ttl=_REMEMBERED_SECONDS
        )

    async def claims(self, request: Request, audience: str) -> dict[str, Any]:
        """The claims of the request's bearer token, made for ``audience``.

        Raises:
            Problem: 401 without a good token, 503 when the issuer's keys cannot be had.
        """
        return await self.claims_of(_bearer_token(request), audience)

    async def claims_of(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that did not come in a header, made for ``audience``.

        Raises:
            Problem: 401 and 503, as :meth:`claims`.
        """
        return await self._signed(token, audience)

    async def claims_behind_cloud_run(self, request: Request) -> dict[str, Any]:
        """The claims of a bearer token that Cloud Run has checked before it let the request in.

        Cloud Run takes the signature away; one that it has left is checked again. The audience is its affair alone:
        it takes every address of the service, and a custom audience, and nothing promises which of them Eventarc
        has its tokens made for.

        Raises:
            Problem: 401 and 503, as :meth:`claims`.
        """
        token = _bearer_token(request)
        if token.endswith(_SIGNATURE_REMOVED):
            return self._unsigned(token)
        return await self._signed(token, None)

    async def _signed(self, token: str, audience: str | None) -> dict[str, Any]:
        """The claims of a token that is signed; ``None`` stands for an audience that Cloud Run has checked."""
        known = self._good.get((token, audience))
        # As PyJWT reads it, which takes a number that is written as text, too.
        if known is not None and time.time() < int(known["exp"]) + _LEEWAY:
            return known
        with _refusing():
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(token),
                algorithms=["RS256", "ES256"],
                audience=audience,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={"require": _REQUIRED, "verify_aud": audience is not None},
            )
        self._good[token, audience] = claims
        return claims

    def _unsigned(self, token: str) -> dict[str, Any]:
        with _refusing():
            claims: dict[str, Any] = jwt.decode(
                token,
                issuer=self._issuer,
                leeway=_LEEWAY,
                # Without the signature PyJWT leaves out all that it is not told to look at.
                options={
                    "require": _REQUIRED,
                    "verify_signature": False,
                    "verify_iss": True,
                    "verify_exp": True,
                    "verify_nbf": True,
                },
            )
        return claims

    async def _key(self, token: str) -> jwt.PyJWK:
        key_id = jwt.get_unverified_header(token).get("kid", "")
        try:
            # The first use of a key fetches it over blocking HTTP.
            return await asyncio.to_thread(self._keys.get_signing_key, key_id)
        # The last two: a connection that breaks off, an answer that is no JSON.
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, OSError, ValueError) as error:
            raise Problem(503, "unavailable", "The token's issuer is out of reach; try again.") from error


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized("Send an OIDC token as 'Authorization: Bearer …'.")
    return token.strip()


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what PyJWT finds wrong with a token into the refusal of it."""
    try:
        yield
    except jwt.PyJWTError as error:
        raise _unauthorized(f"The token is not valid: {error}.") from error


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="backstock"'})


def _principal(claims: dict[str, Any]) -> Principal:
    subject, account, roles = claims["sub"], claims.get("account"), claims.get("roles", [])
    if not _SUBJECT.fullmatch(subject):
        raise _unauthorized("The token's sub claim is malformed.")
    if account is not None and not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
        raise _unauthorized("The token's account claim is malformed.")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise _unauthorized("The token's roles claim must be a list of strings.")
    return Principal(subject, account, frozenset(roles))


class Authenticator:
    """Turns a request into the caller that it comes from."""

    def __init__(self, config: Settings) -> None:
        self._settings = config
        self._users = TokenVerifier(config.auth_jwks_url, config.auth_issuer)
        self._platform = TokenVerifier(config.platform_jwks_url, config.platform_issuer)

    async def user(self, request: Request) -> Principal:
        """The person or partner system that calls.

        Raises:
            Problem: 401 or 503, as :meth:`TokenVerifier.claims`.
        """
        return _principal(await self._users.claims(request, self._settings.auth_audience))

    async def user_with(self, token: str) -> tuple[Principal, datetime]:
        """Whose token this is, and when it ends: of one that a browser holds and no header carries.

        Raises:
            Problem: 401 or 503, as :meth:`TokenVerifier.claims`.
        """
        claims = await self._users.claims_of(token, self._settings.auth_audience)
        return _principal(claims), datetime.fromtimestamp(int(claims["exp"]), UTC)

    async def platform(self, request: Request, function: str, service_account: str) -> None:
        """Let pass only the platform's own caller: ``service_account``, with a token made for ``function``.

        Raises:
            Problem: 401 without such a token, 403 for another account, 503 when keys cannot be had.
        """
        claims = await self._platform_claims(request, function)
        if claims.get("email") != service_account or claims.get("email_verified") is not True:
            raise Problem(403, "forbidden", f"Only {service_account} may call {function}.")

    async def _platform_claims(self, request: Request, function: str) -> dict[str, Any]:
        if self._settings.platform_tokens_checked:
            return await self._platform.claims_behind_cloud_run(request)
        return await self._platform.claims(request, self._settings.function_url(function))
