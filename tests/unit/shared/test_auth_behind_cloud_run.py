"""What a function makes of the platform's tokens when Cloud Run has checked them, and of what is made to look so."""

import json
import math
import time
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwt.utils import base64url_encode

from shared.auth import Authenticator
from shared.problems import Problem
from shared.settings import Settings
from tests.unit.shared.issuer import Issuer, KeyServer
from tests.unit.shared.platform_calls import platform_status, request, task_token

REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"


@pytest.fixture
def elsewhere(config: Settings) -> Authenticator:
    """Of a function before which nobody checks tokens."""
    return Authenticator(config)


@pytest.fixture
def behind_cloud_run(config: Settings) -> Authenticator:
    """Of a function before which Cloud Run checks tokens."""
    return Authenticator(config.model_copy(update={"platform_tokens_checked": True}))


def with_signature(token: str, signature: str) -> str:
    return f"{token.rpartition('.')[0]}.{signature}"


def by_hand(header: object, claims: object, signature: str = REMOVED) -> str:
    parts = (base64url_encode(json.dumps(part).encode()).decode() for part in (header, claims))
    return ".".join([*parts, signature])


async def test_a_token_needs_no_signature(
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
async def test_the_audience_is_any_address_of_the_service(
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
async def test_all_else_is_looked_at_with_and_without_a_signature(
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
async def test_any_other_text_is_checked_as_a_signature(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer, signature: str
) -> None:
    token = with_signature(task_token(platform, config), signature)
    assert await platform_status(behind_cloud_run, config, token) == 401


async def test_a_signature_that_is_there_has_to_be_the_platforms(
    behind_cloud_run: Authenticator, config: Settings, users: Issuer, platform: Issuer
) -> None:
    imposter = Issuer(platform.url, ec.generate_private_key(ec.SECP256R1()), platform.key_id)
    assert await platform_status(behind_cloud_run, config, task_token(imposter, config)) == 401
    assert await platform_status(behind_cloud_run, config, task_token(users, config, iss=platform.url)) == 401
    claims = jwt.decode(task_token(platform, config), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": platform.key_id})
    assert await platform_status(behind_cloud_run, config, unsigned) == 401


async def test_a_token_that_was_good_is_good_no_longer_than_it_lives(
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
async def test_what_is_no_token_is_401(behind_cloud_run: Authenticator, config: Settings, token: str) -> None:
    assert await platform_status(behind_cloud_run, config, token) == 401


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["iss", "email", "email_verified"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
async def test_no_claim_but_the_right_one_gets_in(
    behind_cloud_run: Authenticator, config: Settings, platform: Issuer, name: str, value: Any
) -> None:
    claims = jwt.decode(task_token(platform, config), options={"verify_signature": False})
    token = by_hand({"alg": "RS256"}, {**claims, name: value})
    got_in = await platform_status(behind_cloud_run, config, token) == 200
    assert got_in == (name == "email_verified" and value is True)


async def test_elsewhere_a_token_needs_its_signature(
    elsewhere: Authenticator, config: Settings, platform: Issuer
) -> None:
    token = with_signature(task_token(platform, config), REMOVED)
    assert await platform_status(elsewhere, config, token) == 401


async def user_status(auth: Authenticator, token: str) -> int:
    """The status with which a user is refused."""
    with pytest.raises(Problem) as caught:
        await auth.user(request(f"Bearer {token}"))
    return caught.value.status


async def test_a_users_token_needs_its_signature_everywhere(
    elsewhere: Authenticator, behind_cloud_run: Authenticator, config: Settings, users: Issuer
) -> None:
    token = with_signature(users.token(aud=config.auth_audience, roles=["ops"]), REMOVED)
    assert await user_status(elsewhere, token) == 401
    assert await user_status(behind_cloud_run, token) == 401
    assert await user_status(behind_cloud_run, users.token(aud="another")) == 401
