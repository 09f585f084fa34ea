"""Who calls the operators' API."""

from dataclasses import dataclass

from starlette.requests import Request

from shared.auth import Authenticator


@dataclass(frozen=True)
class Operator:
    """An operator who calls: ``who`` for the audit log, ``token`` to ask other rooms with."""

    who: str
    token: str


async def operator(auth: Authenticator, request: Request) -> Operator:
    """Who calls, if that is an operator.

    Raises:
        Problem: 401 without a good token, 403 without the role, 503 when the issuer's keys cannot be had.
    """
    principal = await auth.user(request)
    principal.require("ops")
    return Operator(principal.subject, request.headers["authorization"].partition(" ")[2].strip())
