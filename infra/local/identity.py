"""Who is calling: an OpenID Connect issuer for users and another for the platform, each with its own key.

Two keys and two issuers, so that a user's token can never pass as the platform's.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from infra.local.clock import Clock

_PLATFORM_TOKEN_SECONDS = 3600
# Google's metadata server hands out the same token for most of its life; signing one takes about a millisecond.
_PLATFORM_TOKEN_REUSED_SECONDS = 600


class Issuer:
    """Signs tokens (RS256) and publishes the key that they are checked with.

    Args:
        url: the ``iss`` of its tokens, below which ``routes`` serves its documents.
    """

    def __init__(self, url: str, key: rsa.RSAPrivateKey, clock: Clock) -> None:
        self.url = url
        self.jwks_url = f"{url}/jwks"
        self._key = key
        self._public_key = key.public_key()
        self._clock = clock
        public = RSAAlgorithm.to_jwk(self._public_key, as_dict=True)
        self._key_id = _thumbprint(public)
        self._jwk = {"kty": public["kty"], "n": public["n"], "e": public["e"]}

    def mint(self, claims: Mapping[str, Any], lifetime: float) -> str:
        """A token with ``claims``, ``iss``, ``iat`` and ``exp``, which is ``lifetime`` seconds from now."""
        now = int(self._clock.time())
        payload = {"iss": self.url, "iat": now, "exp": now + int(lifetime), **claims}
        return jwt.encode(payload, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def claims(self, token: str) -> Mapping[str, Any]:
        """What a token of this issuer's says, at least ``aud`` and ``exp``; they are the caller's to look at.

        Raises:
            jwt.PyJWTError: this issuer has not signed it.
        """
        claims: Mapping[str, Any] = jwt.decode(
            token,
            self._public_key,
            algorithms=["RS256"],
            issuer=self.url,
            # The time would be this process's, and not the local cloud's.
            options={
                "require": ["iss", "aud", "exp"],
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        return claims

    def routes(self, path: str) -> list[web.RouteDef]:
        """The key set and the discovery document below ``path``."""
        return [
            web.get(f"{path}/jwks", self._serve_keys),
            web.get(f"{path}/.well-known/openid-configuration", self._serve_discovery),
        ]

    async def _serve_keys(self, _: web.Request) -> web.Response:
        key = {**self._jwk, "kid": self._key_id, "use": "sig", "alg": "RS256"}
        return web.json_response({"keys": [key]}, headers={"Cache-Control": "public, max-age=300"})

    async def _serve_discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "jwks_uri": self.jwks_url,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )


class PlatformIdentity:
    """Mints the tokens with which Google's services call functions as a service account."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._minted: dict[tuple[str, str], tuple[float, str]] = {}

    def mint(self, service_account: str, audience: str) -> str:
        """A token as Google's: one hour, ``aud`` as asked for, and the account's e-mail address."""
        at, token = self._minted.get((service_account, audience), (float("-inf"), ""))
        now = self._clock.time()
        if now - at > _PLATFORM_TOKEN_REUSED_SECONDS:
            claims = {
                "aud": audience,
                "sub": _account_number(service_account),
                "azp": service_account,
                "email": service_account,
                "email_verified": True,
            }
            token = self._issuer.mint(claims, _PLATFORM_TOKEN_SECONDS)
            self._minted[service_account, audience] = (now, token)
        return token


def _thumbprint(jwk: Mapping[str, str]) -> str:
    """The key's id, the RFC 7638 thumbprint: it stays the same for as long as the key does."""
    canonical = json.dumps({"e": jwk["e"], "kty": jwk["kty"], "n": jwk["n"]}, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:40]


def _account_number(email: str) -> str:
    """Google's ``sub`` is a service account's 21-digit number, not its address."""
    return str(10**20 + int(hashlib.sha256(email.encode()).hexdigest(), 16) % (9 * 10**20))
