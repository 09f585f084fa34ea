"""Calls of the platform's, as a function sees them."""

from typing import Any

from starlette.requests import Request

from shared.auth import Authenticator
from shared.problems import Problem
from shared.settings import Settings
from tests.unit.shared.issuer import Issuer

FUNCTION = "returns-cron"


def request(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers})


def task_token(issuer: Issuer, config: Settings, **changes: Any) -> str:
    """A token with which Cloud Tasks calls the function, but for ``changes``; a claim that is None is left out."""
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
