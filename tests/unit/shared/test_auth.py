"""Who gets in: good tokens of the right issuer for this audience, and nobody else."""

import asyncio
import hashlib
import hmac
import json
import math
import re
import time
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwt.utils import base64url_encode
from starlette.requests import Request

from shared.auth import Authenticator, Principal, TokenVerifier
from shared.problems import Problem
from shared.settings import Settings
from tests.unit.shared.issuer import Issuer, KeyServer

AUDIENCE = "backstock"
FUNCTION = "returns-cron"
REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
ALMOST_A_TOKEN = re.compile(r"[\w-]{0,40}(\.[\w-]{0,40}){1,3}", re.ASCII)


def request(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers})


@pytest.fixture
def auth(config: Settings) -> Authenticator:
    return Authenticator(config)


async def admitted(auth: Authenticator, token: str) -> Principal:
    return await auth.user(request(f"Bearer {token}"))


async def refused(auth: Authenticator, token: str) -> Problem:
    with pytest.raises(Problem) as caught:
        await admitted(auth, token)
    return caught.value


async def test_a_good_token_says_who_calls(auth: Authenticator, users: Issuer) -> None:
    token = users.token(aud=AUDIENCE, sub="u-7", account="acme", roles=["seller"])
    assert await admitted(auth, token) == Principal("u-7", "acme", frozenset({"seller"}))


async def test_account_and_roles_may_be_missing(auth: Authenticator, users: Issuer) -> None:
    assert await admitted(auth, users.token(aud=AUDIENCE)) == Principal("u-1", None)


async def test_a_token_that_was_good_is_good_no_longer_than_it_lives(
    auth: Authenticator, users: Issuer
) -> None:
    token = users.token(aud=AUDIENCE, exp=int(time.time()) + 5)
    await admitted(auth, token)
    with time_machine.travel(time.time() + 40):
        assert (await refused(auth, token)).status == 401


async def test_a_token_that_was_good_is_still_no_token_for_another_audience(
    config: Settings, users: Issuer
) -> None:
    verifier = TokenVerifier(config.auth_jwks_url, config.auth_issuer)
    bearer = request(f"Bearer {users.token(aud=AUDIENCE)}")
    await verifier.claims(bearer, AUDIENCE)
    with pytest.raises(Problem, match="401"):
        await verifier.claims(bearer, "another")


async def test_one_of_several_audiences_is_enough(auth: Authenticator, users: Issuer) -> None:
    assert await admitted(auth, users.token(aud=["another", AUDIENCE]))


async def test_a_clock_may_be_a_little_off(auth: Authenticator, users: Issuer) -> None:
    now = int(time.time())
    assert await admitted(auth, users.token(aud=AUDIENCE, exp=now - 10, iat=now + 10))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_700_000_000},
        {"exp": "soon"},
        {"nbf": 4_000_000_000},
        {"aud": "another"},
        {"aud": "backstock2"},
        {"aud": []},
        {"aud": ""},
        {"iss": "https://login.evil.example"},
        {"iss": "https://login.shop.example/"},
        {"sub": 7},
        {"sub": ""},
        {"sub": "u" * 256},
        {"sub": "\ud800"},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"account": ""},
        {"account": 7},
        {"account": "a" * 65},
        {"account": 'acme" OR account:"rival'},
        {"account": "acme\n"},
        {"account": ["acme"]},
        {"roles": "ops"},
        {"roles": {"ops": True}},
        {"roles": ["seller", 7]},
        {"roles": [["ops"]]},
    ],
    ids=str,
)
async def test_a_signed_token_with_bad_claims_is_401(
    auth: Authenticator, users: Issuer, claims: dict[str, Any]
) -> None:
    problem = await refused(auth, users.token(**{"aud": AUDIENCE, **claims}))
    assert problem.status == 401
    assert problem.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_imposters_key_under_the_issuers_name_is_401(auth: Authenticator, users: Issuer) -> None:
    imposter = Issuer(users.url, ec.generate_private_key(ec.SECP256R1()), users.key_id)
    assert (await refused(auth, imposter.token(aud=AUDIENCE))).status == 401


async def test_a_key_that_nobody_published_is_401(auth: Authenticator, users: Issuer) -> None:
    unknown = Issuer(users.url, users.key, "users-0")
    assert (await refused(auth, unknown.token(aud=AUDIENCE))).status == 401


async def test_an_unsigned_token_is_401(auth: Authenticator, users: Issuer) -> None:
    claims = jwt.decode(users.token(aud=AUDIENCE), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": users.key_id})
    assert (await refused(auth, unsigned)).status == 401


async def test_the_public_key_is_no_shared_secret(auth: Authenticator, users: Issuer) -> None:
    """The algorithm confusion of CVE-2016-10555; by hand, since PyJWT declines to make such a token."""
    good = users.token(aud=AUDIENCE).split(".")
    header = base64url_encode(f'{{"alg": "HS256", "typ": "JWT", "kid": "{users.key_id}"}}'.encode()).decode()
    public = users.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{header}.{good[1]}"
    signature = base64url_encode(hmac.digest(public, signed.encode(), hashlib.sha256)).decode()
    assert (await refused(auth, f"{signed}.{signature}")).status == 401


async def test_a_token_that_was_changed_is_401(auth: Authenticator, users: Issuer) -> None:
    header, _, signature = users.token(aud=AUDIENCE, roles=["seller"]).split(".")
    _, payload, _ = users.token(aud=AUDIENCE, roles=["ops"]).split(".")
    assert (await refused(auth, f"{header}.{payload}.{signature}")).status == 401


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer a.b.c"])
async def test_without_a_token_it_is_401(auth: Authenticator, authorization: str | None) -> None:
    with pytest.raises(Problem) as caught:
        await auth.user(request(authorization))
    assert caught.value.status == 401


async def test_the_schemes_case_does_not_matter(auth: Authenticator, users: Issuer) -> None:
    assert await auth.user(request(f"bearer {users.token(aud=AUDIENCE)}"))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(max_codepoint=255)) | st.from_regex(ALMOST_A_TOKEN, fullmatch=True))
async def test_any_garbage_is_401_and_no_crash(auth: Authenticator, token: str) -> None:
    assert (await refused(auth, token)).status == 401


async def test_keys_are_fetched_once_for_many_requests(
    auth: Authenticator, users: Issuer, key_server: KeyServer
) -> None:
    token = users.token(aud=AUDIENCE)
    await asyncio.gather(*(admitted(auth, token) for _ in range(10)))
    assert key_server.fetched["/users"] == 1


async def test_unknown_keys_do_not_make_it_fetch_again_and_again(
    auth: Authenticator, users: Issuer, key_server: KeyServer
) -> None:
    for number in range(10):
        await refused(auth, Issuer(users.url, users.key, f"invented-{number}").token(aud=AUDIENCE))
    assert key_server.fetched["/users"] <= 2


@pytest.mark.parametrize(
    "document", [b"", b"<html>maintenance</html>", b"\xff", b"{}", b'{"keys": []}'], ids=repr
)
async def test_an_issuer_that_answers_no_keys_is_503(
    config: Settings, users: Issuer, key_server: KeyServer, document: bytes
) -> None:
    key_server.answer("/users", document)
    assert (await refused(Authenticator(config), users.token(aud=AUDIENCE))).status == 503


async def test_an_issuer_out_of_reach_is_503_and_recovers(
    config: Settings, users: Issuer, key_server: KeyServer
) -> None:
    auth = Authenticator(config)
    document = key_server.documents.pop("/users")
    problem = await refused(auth, users.token(aud=AUDIENCE))
    assert (problem.status, problem.kind) == (503, "unavailable")
    key_server.answer("/users", document)
    assert await admitted(auth, users.token(aud=AUDIENCE))


async def test_a_closed_port_is_503(users: Issuer, config: Settings) -> None:
    nowhere = config.model_copy(update={"auth_jwks_url": "http://127.0.0.1:1/keys"})
    assert (await refused(Authenticator(nowhere), users.token(aud=AUDIENCE))).status == 503


def task_token(issuer: Issuer, config: Settings, **changes: Any) -> str:
    claims = {
        "aud": config.function_url(FUNCTION),
        "email": config.tasks_service_account,
        "email_verified": True,
    }
    return issuer.token(**claims | changes)


async def platform_status(auth: Authenticator, config: Settings, token: str) -> int:
    """200 when the platform's caller is let in, else the status of the refusal."""
    try:
        await auth.platform(request(f"Bearer {token}"), FUNCTION, config.tasks_service_account)
    except Problem as problem:
        return problem.status
    return 200


async def test_the_platforms_caller_gets_in(auth: Authenticator, config: Settings, platform: Issuer) -> None:
    assert await platform_status(auth, config, task_token(platform, config)) == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"email": "scheduler@shop.iam.gserviceaccount.com"}, 403),
        ({"email": "TASKS@shop.iam.gserviceaccount.com"}, 403),
        ({"email": None}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": "true"}, 403),
        ({"email_verified": None}, 403),
        ({"aud": "https://europe-west1-shop.cloudfunctions.net/returns"}, 401),
        ({"aud": "backstock"}, 401),
        ({"exp": 1_700_000_000}, 401),
    ],
    ids=str,
)
async def test_another_platform_caller_does_not(
    auth: Authenticator, config: Settings, platform: Issuer, changes: dict[str, Any], status: int
) -> None:
    assert await platform_status(auth, config, task_token(platform, config, **changes)) == status


async def test_a_users_token_does_not_pass_as_the_platforms(
    auth: Authenticator, config: Settings, users: Issuer, platform: Issuer
) -> None:
    assert await platform_status(auth, config, task_token(users, config)) == 401
    assert await platform_status(auth, config, task_token(users, config, iss=platform.url)) == 401


async def test_the_platforms_token_does_not_pass_as_a_users(
    auth: Authenticator, users: Issuer, platform: Issuer
) -> None:
    assert (await refused(auth, platform.token(aud=AUDIENCE))).status == 401
    assert (await refused(auth, platform.token(aud=AUDIENCE, iss=users.url))).status == 401


@pytest.fixture
def behind_cloud_run(config: Settings) -> Authenticator:
    """Of a function before which Cloud Run checks tokens."""
    return Authenticator(config.model_copy(update={"platform_tokens_checked": True}))


def with_signature(token: str, signature: str) -> str:
    return f"{token.rpartition('.')[0]}.{signature}"


def by_hand(header: object, claims: object, signature: str = REMOVED) -> str:
    parts = (base64url_encode(json.dumps(part).encode()).decode() for part in (header, claims))
    return ".".join([*parts, signature])


async def test_behind_cloud_run_a_token_needs_no_signature(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer, key_server: KeyServer
) -> None:
    token = with_signature(task_token(platform, config), REMOVED)
    assert await platform_status(behind_cloud_run, config, token) == 200
    assert not key_server.fetched


@pytest.mark.parametrize(
    "audience",
    [
        "https://returns-cron-4f5e6a7b8c-ew.a.run.app",
        "https://returns-cron-123456789012.europe-west1.run.app?__GCP_CloudEventsMode=GCS_NOTIFICATION",
        ["https://europe-west1-shop.cloudfunctions.net/returns-cron"],
    ],
    ids=str,
)
async def test_behind_cloud_run_the_audience_is_any_address_of_the_service(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer, audience: object
) -> None:
    signed = task_token(platform, config, aud=audience)
    assert await platform_status(behind_cloud_run, config, signed) == 200
    assert await platform_status(behind_cloud_run, config, with_signature(signed, REMOVED)) == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"email": "scheduler@shop.iam.gserviceaccount.com"}, 403),
        ({"email": "TASKS@shop.iam.gserviceaccount.com"}, 403),
        ({"email": ["tasks@shop.iam.gserviceaccount.com"]}, 403),
        ({"email": None}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": "true"}, 403),
        ({"email_verified": None}, 403),
        ({"iss": "https://login.shop.example"}, 401),
        ({"iss": "https://accounts.google.com.evil.example"}, 401),
        ({"iss": None}, 401),
        ({"exp": 1_700_000_000}, 401),
        ({"exp": "soon"}, 401),
        ({"exp": math.inf}, 401),
        ({"exp": None}, 401),
        ({"nbf": 4_000_000_000}, 401),
        ({"aud": None}, 401),
        ({"sub": None}, 401),
    ],
    ids=str,
)
@pytest.mark.parametrize("signature", [None, REMOVED])
async def test_behind_cloud_run_all_else_is_looked_at_with_and_without_a_signature(
    behind_cloud_run: Authenticator,
    config: Settings,
    platform: Issuer,
    signature: str | None,
    changes: dict[str, Any],
    status: int,
) -> None:
    token = task_token(platform, config, **changes)
    sent = with_signature(token, signature) if signature else token
    assert await platform_status(behind_cloud_run, config, sent) == status


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "SIGNATURE_REMOVED",
        "signature_removed_by_google",
        f"{REMOVED}=",
        f"x{REMOVED}",
        f"{REMOVED}.",
        base64url_encode(REMOVED.encode()).decode(),
    ],
)
async def test_behind_cloud_run_any_other_text_is_checked_as_a_signature(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer, signature: str
) -> None:
    token = with_signature(task_token(platform, config), signature)
    assert await platform_status(behind_cloud_run, config, token) == 401


async def test_behind_cloud_run_a_signature_that_is_there_has_to_be_the_platforms(
    behind_cloud_run: Authenticator, config: Settings, users: Issuer, platform: Issuer
) -> None:
    imposter = Issuer(platform.url, ec.generate_private_key(ec.SECP256R1()), platform.key_id)
    assert await platform_status(behind_cloud_run, config, task_token(imposter, config)) == 401
    assert await platform_status(behind_cloud_run, config, task_token(users, config, iss=platform.url)) == 401
    claims = jwt.decode(task_token(platform, config), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": platform.key_id})
    assert await platform_status(behind_cloud_run, config, unsigned) == 401


async def test_behind_cloud_run_a_token_that_was_good_is_good_no_longer_than_it_lives(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer
) -> None:
    token = with_signature(task_token(platform, config, exp=int(time.time()) + 5), REMOVED)
    assert await platform_status(behind_cloud_run, config, token) == 200
    with time_machine.travel(time.time() + 40):
        assert await platform_status(behind_cloud_run, config, token) == 401


@pytest.mark.parametrize(
    "token",
    [
        f".{REMOVED}",
        f"..{REMOVED}",
        f"a.b.c.{REMOVED}",
        f"e30.e30.{REMOVED}",
        f"e30.bm8ganNvbg.{REMOVED}",
        by_hand({"alg": "RS256"}, ["no", "claims"]),
        by_hand(["no", "header"], {}),
        REMOVED,
    ],
)
async def test_behind_cloud_run_what_is_no_token_is_401(
    behind_cloud_run: Authenticator, config: Settings, token: str
) -> None:
    assert await platform_status(behind_cloud_run, config, token) == 401


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["iss", "email", "email_verified"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
async def test_behind_cloud_run_no_claim_but_the_right_one_gets_in(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer, name: str, value: Any
) -> None:
    claims = jwt.decode(task_token(platform, config), options={"verify_signature": False})
    token = by_hand({"alg": "RS256"}, {**claims, name: value})
    got_in = await platform_status(behind_cloud_run, config, token) == 200
    assert got_in == (name == "email_verified" and value is True)


async def test_elsewhere_a_token_needs_its_signature(
    auth: Authenticator, config: Settings, platform: Issuer
) -> None:
    token = with_signature(task_token(platform, config), REMOVED)
    assert await platform_status(auth, config, token) == 401


async def test_a_users_token_needs_its_signature_everywhere(
    auth: Authenticator, behind_cloud_run: Authenticator, users: Issuer
) -> None:
    token = with_signature(users.token(aud=AUDIENCE, roles=["ops"]), REMOVED)
    assert (await refused(auth, token)).status == 401
    assert (await refused(behind_cloud_run, token)).status == 401
    assert (await refused(behind_cloud_run, users.token(aud="another"))).status == 401


def test_a_role_lets_pass_only_who_has_it() -> None:
    seller = Principal("u-1", "acme", frozenset({"seller"}))
    seller.require("ops", "seller")
    with pytest.raises(Problem, match="ops or warehouse") as caught:
        seller.require("ops", "warehouse")
    assert caught.value.status == 403


def test_a_tenant_sees_its_own_account_and_an_operator_all() -> None:
    assert Principal("u-1", "acme").tenant() == "acme"
    assert Principal("u-1", "acme", frozenset({"ops"})).tenant() is None


def test_who_belongs_to_no_account_sees_none() -> None:
    with pytest.raises(Problem) as caught:
        Principal("u-1", None, frozenset({"seller"})).tenant()
    assert caught.value.status == 403
