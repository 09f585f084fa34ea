"""Callers who are not who they should be: 401 or 403 each, and nothing written."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.cloud.firestore import Client

from infra.local.keys import Keys
from tests.e2e.harness import LocalCloud
from tests.integration.refusals import refused
from tests.integration.returns.http.stored import contents
from tests.unit.returns.examples import content

SEARCH = "/search-order-return-index-data"
PUBLIC = [
    *(("PUT", "/returns/R-1"), ("GET", "/returns/R-1"), ("DELETE", "/returns/R-1")),
    *(("POST", "/returns/batch"), ("POST", "/returns/resync"), ("GET", SEARCH), ("POST", f"{SEARCH}/keys")),
]
TASK_FUNCTIONS = ["return-updated-task-queue", "return-update-processing-queue"]
PLATFORM_FUNCTIONS = ["returns-cron", *TASK_FUNCTIONS]

Claims = dict[str, Any]


class Forger:
    """Signs any token with either issuer's real key, or with another key that says it is that one."""

    def __init__(self, system: LocalCloud) -> None:
        self.keys = Keys.kept_in(system.data_dir / "keys.json")
        self._system = system
        self._key_ids = {
            issuer: system.http.get(f"/_local/{issuer}/jwks").json()["keys"][0]["kid"]
            for issuer in ("identity", "platform")
        }

    def user(self, key: Any = None, **changes: Any) -> dict[str, str]:
        """The headers of an operator of acme, but for ``changes``; a claim that is None is left out."""
        environment = self._system.environment
        claims = {"iss": environment["AUTH_ISSUER"], "aud": environment["AUTH_AUDIENCE"], "sub": "mallory"}
        claims |= {"account": "acme", "roles": ["warehouse", "ops"]}
        return self._headers("identity", key or self.keys.users, claims | changes)

    def platform(self, function: str, account: str, key: Any = None, **changes: Any) -> dict[str, str]:
        """The headers with which ``account`` calls ``function``, but for ``changes``."""
        environment = self._system.environment
        audience = f"{environment['BASE_URL']}/{function}"
        claims = {"iss": environment["PLATFORM_ISSUER"], "aud": audience, "sub": "1", "email": account}
        return self._headers(
            "platform", key or self.keys.platform, {**claims, "email_verified": True, **changes}
        )

    def _headers(self, issuer: str, key: Any, claims: Claims) -> dict[str, str]:
        # The local cloud's clock may be ahead of this process's.
        claims = {"exp": int(time.time()) + 10**9, **claims}
        kept = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(kept, key, "RS256", headers={"kid": self._key_ids[issuer]})
        return {"Authorization": f"Bearer {token}"}

    def by_hand(self, algorithm: str, secret: bytes) -> dict[str, str]:
        """The headers of an operator, with a token that no library would sign."""
        environment = self._system.environment
        header = {"alg": algorithm, "typ": "JWT", "kid": self._key_ids["identity"]}
        claims = {"iss": environment["AUTH_ISSUER"], "aud": environment["AUTH_AUDIENCE"], "sub": "mallory"}
        parts = (
            json.dumps(part).encode() for part in (header, claims | {"exp": 9_000_000_000, "roles": ["ops"]})
        )
        signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        signature = hmac.digest(secret, signed, "sha256") if secret else b""
        token = signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")
        return {"Authorization": f"Bearer {token.decode()}"}


@pytest.fixture(scope="module")
def forger(system: LocalCloud) -> Forger:
    return Forger(system)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_written(http: httpx.Client, forger: Forger, database: Client) -> Iterator[None]:
    http.put("/returns/R-1", json=content(), headers=forger.user()).raise_for_status()
    before = contents(database)
    yield
    assert contents(database) == before


def calling(http: httpx.Client, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    bodies: dict[str, Any] = {
        "/returns/R-1": content(reason="stolen", external_updated_at="2027-01-01T00:00:00Z"),
        "/returns/batch": {"returns": [content(return_id="R-2")]},
        "/returns/resync": {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-02-01T00:00:00Z"},
    }
    body = bodies.get(path, {}) if method in ("PUT", "POST") else None
    return http.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize(("method", "path"), PUBLIC)
@pytest.mark.parametrize(
    "authorization",
    [
        *(
            None,
            "",
            "Bearer",
            "Basic bWFsbG9yeTpzZWNyZXQ=",
            "Bearer x",
            "Bearer a.b.c",
            "Bearer \xff",
        ),
        "Bearer " + base64.urlsafe_b64encode(b'{"kid":' + b"[" * 4_000).decode() + ".e30.e30",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":"RS256","kid":7}').decode() + ".e30.e30",
    ],
    ids=[
        "none",
        "empty",
        "no token",
        "basic",
        "garbage",
        "dots",
        "latin",
        "deep",
        "number as key id",
    ],
)
def test_no_token_to_speak_of(http: httpx.Client, method: str, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    answer = calling(http, method, path, headers)  # type: ignore[arg-type]
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "changes",
    [
        *({"exp": 1_700_000_000}, {"exp": None}, {"exp": "tomorrow"}, {"nbf": 9_000_000_000}),
        *({"aud": "another-service"}, {"aud": None}, {"aud": []}, {"aud": ["a", "b"]}),
        *({"iss": "https://accounts.google.com"}, {"iss": None}, {"sub": None}, {"sub": 7}),
        *({"account": 'acme" OR account:"shop'}, {"account": ["acme"]}, {"account": ""}),
        *({"roles": "ops"}, {"roles": [{"ops": True}]}),
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "path"), [("PUT", "/returns/R-1"), ("GET", SEARCH)])
def test_a_token_with_the_wrong_claims(
    http: httpx.Client, forger: Forger, method: str, path: str, changes: Claims
) -> None:
    refused(calling(http, method, path, forger.user(**changes)), 401, "unauthorized")


def test_a_token_of_another_key_under_the_known_name(http: httpx.Client, forger: Forger) -> None:
    other = rsa.generate_private_key(65537, 2048)
    refused(calling(http, "PUT", "/returns/R-1", forger.user(other)), 401, "unauthorized")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_of_an_algorithm_that_proves_nothing(
    http: httpx.Client, forger: Forger, algorithm: str
) -> None:
    public = forger.keys.users.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    headers = forger.by_hand(algorithm, public if algorithm == "HS256" else b"")
    refused(calling(http, "PUT", "/returns/R-1", headers), 401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), PUBLIC)
def test_the_platforms_token_is_no_users(
    http: httpx.Client, forger: Forger, system: LocalCloud, method: str, path: str
) -> None:
    account = "tasks@backstock-local.iam.gserviceaccount.com"
    made_for = forger.platform("returns", account, aud=system.environment["AUTH_AUDIENCE"], roles=["ops"])
    refused(calling(http, method, path, made_for), 401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), PUBLIC)
@pytest.mark.parametrize("roles", [[], ["retailer"], ["admin", "OPS"]], ids=str)
def test_a_role_that_may_not(
    http: httpx.Client, forger: Forger, method: str, path: str, roles: list[str]
) -> None:
    refused(calling(http, method, path, forger.user(roles=roles)), 403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/returns/R-1"),
        ("DELETE", "/returns/R-1"),
        ("POST", "/returns/batch"),
        ("POST", "/returns/resync"),
    ],
)
def test_a_seller_may_only_read(http: httpx.Client, forger: Forger, method: str, path: str) -> None:
    refused(calling(http, method, path, forger.user(roles=["seller"])), 403, "forbidden")


@pytest.mark.parametrize(("method", "path"), PUBLIC)
def test_a_token_without_an_account(http: httpx.Client, forger: Forger, method: str, path: str) -> None:
    nobodys = forger.user(account=None, roles=["seller", "warehouse"])
    refused(calling(http, method, path, nobodys), 403, "forbidden")


@pytest.mark.parametrize("function", PLATFORM_FUNCTIONS)
def test_the_platforms_functions_are_shut_without_a_token(http: httpx.Client, function: str) -> None:
    for headers in ({}, {"X-CloudTasks-QueueName": "returnSync", "X-CloudTasks-TaskName": "x"}):
        shut(http.post(f"/{function}", json={}, headers=headers), 403)


@pytest.mark.parametrize("function", PLATFORM_FUNCTIONS)
def test_the_platforms_functions_are_shut_to_everybody_else(
    http: httpx.Client, forger: Forger, system: LocalCloud, function: str
) -> None:
    own_account = _account(system, function)
    other_key = rsa.generate_private_key(65537, 2048)
    for headers in (
        forger.user(),
        forger.user(email=own_account, email_verified=True, aud=f"{system.base_url}/{function}"),
        forger.platform("returns", own_account),
        forger.platform(function, own_account, aud=system.base_url),
        forger.platform(function, own_account, exp=1_700_000_000),
        forger.platform(function, own_account, iss=system.environment["AUTH_ISSUER"]),
        forger.platform(function, own_account, key=other_key),
        {"Authorization": "Basic bWFsbG9yeTpzZWNyZXQ="},
    ):
        shut(http.post(f"/{function}", json={}, headers=headers), 401)


@pytest.mark.parametrize("function", PLATFORM_FUNCTIONS)
def test_a_signature_that_the_caller_took_away_himself_opens_nothing(
    http: httpx.Client, forger: Forger, system: LocalCloud, function: str
) -> None:
    signed = forger.platform(function, _account(system, function))["Authorization"]
    for signature in ("SIGNATURE_REMOVED_BY_GOOGLE", ""):
        headers = {"Authorization": f"{signed.rpartition('.')[0]}.{signature}"}
        shut(http.post(f"/{function}", json={}, headers=headers), 401)


@pytest.mark.parametrize("function", PLATFORM_FUNCTIONS)
def test_the_platforms_functions_know_their_one_caller(
    http: httpx.Client, forger: Forger, system: LocalCloud, function: str
) -> None:
    own = _account(system, function)
    other = "SCHEDULER_SERVICE_ACCOUNT" if function in TASK_FUNCTIONS else "TASKS_SERVICE_ACCOUNT"
    for headers in (
        forger.platform(function, system.environment[other]),
        forger.platform(function, f"x{own}"),
        forger.platform(function, own, email=None),
        forger.platform(function, own, email_verified=None),
        forger.platform(function, own, email_verified="true"),
    ):
        shut(http.post(f"/{function}", json={}, headers=headers), 403)


def shut(answer: httpx.Response, status: int) -> None:
    """See that Cloud Run's door has refused, and not the function behind it."""
    assert answer.status_code == status, answer.text
    assert "type" not in answer.json()


def _account(system: LocalCloud, function: str) -> str:
    caller = "TASKS" if function in TASK_FUNCTIONS else "SCHEDULER"
    return system.environment[f"{caller}_SERVICE_ACCOUNT"]
