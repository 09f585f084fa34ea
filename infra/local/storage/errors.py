"""Why a request of the local Cloud Storage is refused, for both of its APIs.

Source of statuses and reasons: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from http import HTTPStatus


class StorageError(Exception):
    """A request is refused.

    Args:
        status: what an API answers.
        reason: the JSON API's name of it, such as ``conditionNotMet``.
        message: what a person reads.
    """

    def __init__(self, status: HTTPStatus, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


def invalid(message: str) -> StorageError:
    """The request cannot be meant as it is."""
    return StorageError(HTTPStatus.BAD_REQUEST, "invalid", message)


def no_bucket() -> StorageError:
    """The bucket is not there."""
    return StorageError(HTTPStatus.NOT_FOUND, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> StorageError:
    """The object, or the generation that was asked for, is not there."""
    return StorageError(HTTPStatus.NOT_FOUND, "notFound", f"No such object: {bucket}/{name}")


def conflict(message: str) -> StorageError:
    """What is there already forbids it."""
    return StorageError(HTTPStatus.CONFLICT, "conflict", message)


def condition_not_met() -> StorageError:
    """A precondition does not hold."""
    message = "At least one of the pre-conditions you specified did not hold."
    return StorageError(HTTPStatus.PRECONDITION_FAILED, "conditionNotMet", message)


def not_modified() -> StorageError:
    """A reader has what it asks for already."""
    return StorageError(HTTPStatus.NOT_MODIFIED, "notModified", "Not Modified")


def unimplemented(what: str) -> StorageError:
    """Google can do it, this stand-in cannot: better no answer than a wrong one."""
    message = f"{what}: not implemented by the local Cloud Storage"
    return StorageError(HTTPStatus.NOT_IMPLEMENTED, "notImplemented", message)
