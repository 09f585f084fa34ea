"""Who gets in: good tokens of the right issuer for this audience, and nobody else."""

import asyncio
import hashlib
import hmac
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

from shared.auth import Authenticator, Principal, TokenVerifier
from shared.problems import Problem
from shared.settings import Settings
from tests.unit.shared.issuer import Issuer, KeyServer
from tests.unit.shared.platform_calls import platform_status, request, task_token

AUDIENCE = "backstock"
ALMOST_A_TOKEN = re.compile(r"[\w-]{0,40}(\.[\w-]{0,40}){1,3}", re.ASCII)


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


async def test_a_token_whose_end_is_written_as_text_is_good_as_often_as_it_is_shown(
    auth: Authenticator, users: Issuer
) -> None:
    token = users.token(aud=AUDIENCE, exp=str(int(time.time()) + 5))
    assert await admitted(auth, token) == await admitted(auth, token)
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


async def test_a_token_that_no_header_carries_is_checked_all_the_same(
    auth: Authenticator, users: Issuer
) -> None:
    ends = int(time.time()) + 300
    principal, ends_at = await auth.user_with(users.token(aud=AUDIENCE, sub="olga", roles=["ops"], exp=ends))
    assert (principal.subject, ends_at.timestamp()) == ("olga", ends)
    for bad in (users.token(aud="another"), users.token(aud=AUDIENCE, exp=int(time.time()) - 60), "no token"):
        with pytest.raises(Problem) as caught:
            await auth.user_with(bad)
        assert caught.value.status == 401
