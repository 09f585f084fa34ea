"""The one exception that carries a gRPC status to the client."""

import grpc


class FirestoreError(Exception):
    """A refusal, as the client sees it."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> FirestoreError:
    """INVALID_ARGUMENT: the request could never succeed."""
    return FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)


def unimplemented(message: str) -> FirestoreError:
    """UNIMPLEMENTED: Firestore can, this stand-in cannot."""
    return FirestoreError(grpc.StatusCode.UNIMPLEMENTED, message)


def failed_precondition(message: str) -> FirestoreError:
    """FAILED_PRECONDITION: the state of the database forbids it."""
    return FirestoreError(grpc.StatusCode.FAILED_PRECONDITION, message)


def aborted(message: str) -> FirestoreError:
    """ABORTED: the client may run its transaction again."""
    return FirestoreError(grpc.StatusCode.ABORTED, message)


def not_found(name: str) -> FirestoreError:
    """NOT_FOUND: the write needs a document that is not there."""
    return FirestoreError(grpc.StatusCode.NOT_FOUND, f"No document to update: {name}")


def already_exists(name: str) -> FirestoreError:
    """ALREADY_EXISTS: the write needs the document's name to be free."""
    return FirestoreError(grpc.StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
