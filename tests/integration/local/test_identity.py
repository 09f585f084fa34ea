"""Tokens are checked with the libraries that the product and Google's clients use."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import jwt
import pytest

from infra.local.cloud import Cloud
from infra.local.environment import FUNCTIONS_SERVICE_ACCOUNT, PROJECT, metadata_environment
from infra.local.identity import PlatformIdentity


async def _checked(token: str, jwks_url: str, issuer: str, audience: str) -> dict[str, Any]:
    """The claims, if PyJWT accepts the token."""

    def check() -> dict[str, Any]:
        key = jwt.PyJWKClient(jwks_url).get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer)

    return await asyncio.to_thread(check)


async def _minted(cloud: Cloud, query: str, **headers: str) -> aiohttp.ClientResponse:
    base_url = cloud.environment["BASE_URL"]
    async with aiohttp.ClientSession(base_url, headers=headers) as session:
        response = await session.get(f"/_local/token?{query}")
        await response.read()
        return response


async def test_a_users_token_passes_with_its_claims(cloud: Cloud) -> None:
    env = cloud.environment
    token = (await (await _minted(cloud, "sub=ann&account=shop-1&roles=seller,ops")).json())["token"]
    claims = await _checked(token, env["AUTH_JWKS_URL"], env["AUTH_ISSUER"], env["AUTH_AUDIENCE"])
    assert (claims["sub"], claims["account"], claims["roles"]) == ("ann", "shop-1", ["seller", "ops"])
    assert claims["exp"] - claims["iat"] == 3600


async def test_without_an_account_there_is_no_such_claim(cloud: Cloud) -> None:
    token = (await (await _minted(cloud, "sub=ann")).json())["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert "account" not in claims
    assert claims["roles"] == []


async def test_a_shell_gets_the_bare_token(cloud: Cloud) -> None:
    answer = await _minted(cloud, "sub=ann", Accept="text/plain")
    assert jwt.decode(await answer.text(), options={"verify_signature": False})["sub"] == "ann"


async def test_a_token_ends_after_its_ttl(cloud: Cloud) -> None:
    env = cloud.environment
    token = (await (await _minted(cloud, "sub=ann&ttl=-60")).json())["token"]
    with pytest.raises(jwt.ExpiredSignatureError):
        await _checked(token, env["AUTH_JWKS_URL"], env["AUTH_ISSUER"], env["AUTH_AUDIENCE"])


async def test_tokens_are_of_the_local_clouds_time(cloud: Cloud) -> None:
    cloud.clock.advance(86_400)
    token = (await (await _minted(cloud, "sub=ann")).json())["token"]
    issued = jwt.decode(token, options={"verify_signature": False})["iat"]
    assert issued - time.time() == pytest.approx(86_400, abs=5)


@pytest.mark.parametrize("query", ["", "sub=", "sub=a&role=ops", "sub=a&ttl=soon", "sub=a&ttl=nan"])
async def test_a_token_that_cannot_be_made_is_refused(cloud: Cloud, query: str) -> None:
    answer = await _minted(cloud, query)
    assert answer.status == 400
    assert answer.content_type == "application/problem+json"


@pytest.fixture
def platform(cloud: Cloud) -> PlatformIdentity:
    return PlatformIdentity(cloud.platform, cloud.clock)


async def test_the_platforms_token_is_as_googles(cloud: Cloud, platform: PlatformIdentity) -> None:
    env = cloud.environment
    token = platform.mint(env["TASKS_SERVICE_ACCOUNT"], "https://target")
    claims = await _checked(token, env["PLATFORM_JWKS_URL"], env["PLATFORM_ISSUER"], "https://target")
    assert claims["email"] == env["TASKS_SERVICE_ACCOUNT"]
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sub"].isdigit()


async def test_a_users_token_never_passes_as_the_platforms(cloud: Cloud) -> None:
    env = cloud.environment
    forged = cloud.users.mint(
        {"iss": env["PLATFORM_ISSUER"], "aud": "https://target", "email": env["TASKS_SERVICE_ACCOUNT"]}, 3600
    )
    with pytest.raises(jwt.PyJWKClientError):
        await _checked(forged, env["PLATFORM_JWKS_URL"], env["PLATFORM_ISSUER"], "https://target")


async def test_the_platforms_token_is_renewed_in_time(cloud: Cloud, platform: PlatformIdentity) -> None:
    first = platform.mint("a@b", "https://target")
    assert platform.mint("a@b", "https://target") == first
    assert platform.mint("a@b", "https://other") != first
    cloud.clock.advance(3000)
    assert platform.mint("a@b", "https://target") != first


async def test_discovery_names_the_key_set(cloud: Cloud) -> None:
    async with aiohttp.ClientSession() as session:
        for issuer in (cloud.users, cloud.platform):
            async with session.get(f"{issuer.url}/.well-known/openid-configuration") as response:
                document = await response.json()
            assert (document["issuer"], document["jwks_uri"]) == (issuer.url, issuer.jwks_url)


_ASK_THE_METADATA_SERVER = """
import json, google.auth, google.auth.transport.requests, google.oauth2.id_token
request = google.auth.transport.requests.Request()
credentials, project = google.auth.default()
credentials.refresh(request)
identity = google.oauth2.id_token.fetch_id_token(request, "https://target")
print(json.dumps([project, credentials.service_account_email, credentials.token, identity]))
"""


async def test_googles_library_finds_credentials_without_a_key_file(cloud: Cloud, tmp_path: object) -> None:
    environment = {**cloud.environment, **metadata_environment(cloud.addresses, str(tmp_path))}
    del environment["GOOGLE_CLOUD_PROJECT"]  # so that the project is asked for
    del environment["GOOGLE_APPLICATION_CREDENTIALS"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _ASK_THE_METADATA_SERVER), env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    project, email, access_token, identity = json.loads(output)
    assert (project, email) == (PROJECT, FUNCTIONS_SERVICE_ACCOUNT)
    assert access_token
    env = cloud.environment
    claims = await _checked(identity, env["PLATFORM_JWKS_URL"], env["PLATFORM_ISSUER"], "https://target")
    assert claims["email"] == FUNCTIONS_SERVICE_ACCOUNT


async def test_the_metadata_server_wants_its_header(cloud: Cloud) -> None:
    url = f"http://{cloud.addresses.metadata}/computeMetadata/v1/project/project-id"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 403
