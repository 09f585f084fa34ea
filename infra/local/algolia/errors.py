"""What the API answers when it does not do what it was asked."""

from typing import Any


class ApiError(Exception):
    """An answer in Algolia's error shape: ``{"message": …, "status": …}`` plus ``details``."""

    def __init__(self, status: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, **details, "status": status}


def bad_request(message: str, **details: Any) -> ApiError:
    """The request is malformed, or Algolia forbids it."""
    return ApiError(400, message, **details)


def not_implemented(feature: str) -> ApiError:
    """Algolia can do this; the stand-in cannot, and says so rather than answer wrongly.

    Not 501: the official clients take any 5xx for a broken host, retry, and never show the message.
    """
    return ApiError(400, f"{feature}: not implemented by the local Algolia")


def index_missing(name: str) -> ApiError:
    """No index of that name."""
    return ApiError(404, f"Index {name} does not exist")
