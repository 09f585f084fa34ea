"""Cloud Run's door: who gets through to which function, and what is left of the token then."""

from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from multidict import CIMultiDict

from infra.local.clock import Clock
from infra.local.door import SIGNATURE_REMOVED, Door, doors
from infra.local.environment import EVENTS_SERVICE_ACCOUNT, SCHEDULER_SERVICE_ACCOUNT, TASKS_SERVICE_ACCOUNT
from infra.local.identity import Issuer, PlatformIdentity
from infra.local.keys import Keys
from infra.local.problems import Problem
from infra.topology import load

BASE_URL = "http://127.0.0.1:8080"
INVOKERS = {
    "returns-cron": SCHEDULER_SERVICE_ACCOUNT,
    "supply-chain-sync": TASKS_SERVICE_ACCOUNT,
    "compress-image": EVENTS_SERVICE_ACCOUNT,
}
TOPOLOGY = load()


class World:
    """The doors of the product's functions, and the platform that mints tokens."""

    def __init__(self, keys: Keys) -> None:
        self.clock = Clock()
        self.keys = keys
        self.platform = Issuer(f"{BASE_URL}/_local/platform", keys.platform, self.clock)
        self.doors: Mapping[str, Door] = doors(TOPOLOGY, BASE_URL, self.platform, self.clock)

    def token(self, function: str, **changes: Any) -> str:
        """A token of the function's invoker, but for ``changes``."""
        claims = {"aud": f"{BASE_URL}/{function}", "email": INVOKERS[function], "email_verified": True}
        return self.platform.mint(claims | changes, 3600)

    def passed(self, function: str, *authorizations: str, **others: str) -> dict[str, str]:
        """The headers, by name in lower case, with which a request gets through."""
        headers = CIMultiDict([*others.items(), *(("authorization", value) for value in authorizations)])
        self.doors[function](headers)
        return {name.lower(): value for name, value in headers.items()}

    def refused(self, function: str, *authorizations: str, **others: str) -> int:
        """The status with which a request is refused."""
        with pytest.raises(Problem) as caught:
            self.passed(function, *authorizations, **others)
        return caught.value.status


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys.generate()


@pytest.fixture
def world(keys: Keys) -> World:
    return World(keys)


@pytest.mark.parametrize("function", INVOKERS)
def test_the_invoker_gets_through_and_its_token_without_the_signature(world: World, function: str) -> None:
    token = world.token(function)
    headers = world.passed(function, f"Bearer {token}", traceparent="00-1")
    signed, _, _ = token.rpartition(".")
    assert headers == {"authorization": f"Bearer {signed}.{SIGNATURE_REMOVED}", "traceparent": "00-1"}


def test_what_the_platform_mints_opens_the_door_whatever_the_local_clouds_time(world: World) -> None:
    identity = PlatformIdentity(world.platform, world.clock)
    for _ in range(3):
        token = identity.mint(TASKS_SERVICE_ACCOUNT, f"{BASE_URL}/supply-chain-sync")
        assert world.passed("supply-chain-sync", f"Bearer {token}")
        world.clock.advance(86_400)


def test_a_token_opens_the_door_until_it_expires(world: World) -> None:
    bearer = f"Bearer {world.token('returns-cron')}"
    world.passed("returns-cron", bearer)
    world.clock.advance(3_599)
    world.passed("returns-cron", bearer)
    world.clock.advance(2)
    assert world.refused("returns-cron", bearer) == 401


def test_without_a_token_it_is_403(world: World) -> None:
    assert world.refused("returns-cron", **{"x-cloudscheduler": "true"}) == 403


@pytest.mark.parametrize("other", sorted({*INVOKERS.values(), "mallory@example.com"}))
@pytest.mark.parametrize("function", INVOKERS)
def test_another_account_is_403(world: World, function: str, other: str) -> None:
    if other != INVOKERS[function]:
        assert world.refused(function, f"Bearer {world.token(function, email=other)}") == 403


@pytest.mark.parametrize(
    "changes", [{"email": None}, {"email_verified": False}, {"email_verified": "true"}], ids=str
)
def test_an_account_that_is_not_sure_is_403(world: World, changes: dict[str, Any]) -> None:
    assert world.refused("returns-cron", f"Bearer {world.token('returns-cron', **changes)}") == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": f"{BASE_URL}/returns"},
        {"aud": BASE_URL},
        {"aud": None},
        {"aud": [f"{BASE_URL}/returns-cron"]},
        {"iss": "https://accounts.google.com"},
        {"exp": 1_700_000_000},
        {"exp": "tomorrow"},
        {"exp": None},
    ],
    ids=str,
)
def test_a_token_for_something_else_or_of_another_time_is_401(world: World, changes: dict[str, Any]) -> None:
    assert world.refused("returns-cron", f"Bearer {world.token('returns-cron', **changes)}") == 401


def test_a_forged_token_is_401(world: World) -> None:
    good = world.token("returns-cron")
    claims = jwt.decode(good, options={"verify_signature": False})
    signed, _, signature = good.rpartition(".")
    for forged in (
        jwt.encode(claims, world.keys.users, algorithm="RS256"),
        jwt.encode(claims, "not so secret, but long enough for HS256", algorithm="HS256"),
        jwt.encode({**claims, "x": 1}, None, algorithm="none"),  # type: ignore[arg-type]
        f"{signed}.{SIGNATURE_REMOVED}",
        f"{signed}.",
        f"{world.token('returns-cron', x=1).rpartition('.')[0]}.{signature}",
        "",
        "x",
        "a.b.c",
        "\udcff",
    ):
        assert world.refused("returns-cron", f"Bearer {forged}") == 401


def test_what_is_not_one_bearer_token_is_401(world: World) -> None:
    bearer = f"Bearer {world.token('returns-cron')}"
    assert world.refused("returns-cron", "Basic dTpw") == 401
    assert world.refused("returns-cron", bearer, bearer) == 401


def test_the_header_that_is_not_implemented_says_so(world: World) -> None:
    bearer = f"Bearer {world.token('returns-cron')}"
    assert world.refused("returns-cron", bearer, **{"x-serverless-authorization": bearer}) == 501


@pytest.mark.parametrize(
    "function", [name for name, function in TOPOLOGY.functions.items() if function.access == "public"]
)
def test_a_public_functions_request_passes_as_it_is(world: World, function: str) -> None:
    assert world.passed(function) == {}
    bearer = f"Bearer x.y.{SIGNATURE_REMOVED}"
    assert world.passed(function, bearer) == {"authorization": bearer}


def test_every_function_that_is_not_public_is_shut(world: World) -> None:
    shut = {name for name, function in TOPOLOGY.functions.items() if function.access != "public"}
    assert {name for name in shut if world.refused(name) == 403} == shut
