"""Turn a decision to refuse a call into its gRPC status."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc


class Refusal(Exception):
    """A call is refused with a status and a text that helps its caller."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """The request itself is wrong: INVALID_ARGUMENT."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> Refusal:
    """What the request names does not exist: NOT_FOUND."""
    return Refusal(grpc.StatusCode.NOT_FOUND, message)


def unimplemented(feature: str) -> Refusal:
    """The local cloud does not do this: UNIMPLEMENTED, never a wrong answer."""
    return Refusal(grpc.StatusCode.UNIMPLEMENTED, f"the local cloud does not implement {feature}")


def answering(
    method: Callable[[Any], Any],
) -> Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]:
    """Serve ``method``, a plain function of the request, and answer its ``Refusal`` as a gRPC error."""

    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return method(request)
        except Refusal as refusal:
            return await context.abort(refusal.code, refusal.message)

    return call
