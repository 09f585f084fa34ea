"""Two issuers, of users and of the platform, with their keys on a server, and a deployment that trusts them."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.settings import Settings
from tests.unit.shared.examples import a_deployment
from tests.unit.shared.issuer import Issuer, KeyServer


@pytest.fixture(scope="session")
def users() -> Issuer:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Issuer("https://login.shop.example", key, "users-1")


@pytest.fixture(scope="session")
def platform() -> Issuer:
    return Issuer("https://accounts.google.com", ec.generate_private_key(ec.SECP256R1()), "platform-1")


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture
def config(users: Issuer, platform: Issuer, key_server: KeyServer) -> Settings:
    return a_deployment(
        AUTH_ISSUER=users.url,
        AUTH_JWKS_URL=key_server.publish("/users", users),
        PLATFORM_ISSUER=platform.url,
        PLATFORM_JWKS_URL=key_server.publish("/platform", platform),
    )
