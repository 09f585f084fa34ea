"""The errors of Cloud Storage's XML API.

Source: https://cloud.google.com/storage/docs/xml-api/reference-status
"""

from xml.sax.saxutils import escape

from .errors import StorageError

_CODES = {
    "conditionNotMet": "PreconditionFailed",
    "notModified": "NotModified",
    "notFound": "NoSuchKey",
    "notImplemented": "NotImplemented",
    "entityTooLarge": "EntityTooLarge",
    "entityTooSmall": "EntityTooSmall",
}


class XmlError(Exception):
    """A request is refused.

    Args:
        status: the HTTP status.
        code: the error's name, such as ``AccessDenied``.
        message: what that name means.
        **members: further elements of the answer by name, such as ``Details``.
    """

    def __init__(self, status: int, code: str, message: str, **members: str) -> None:
        super().__init__(f"{code}: {message} {members.get('Details', '')}".rstrip())
        self.status = status
        self.code = code
        self._elements = {"Code": code, "Message": message, **members}

    def document(self) -> bytes:
        """The answer's body."""
        elements = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in self._elements.items())
        return f"<?xml version='1.0' encoding='UTF-8'?><Error>{elements}</Error>".encode()


def invalid_argument(details: str) -> XmlError:
    """A parameter or header is not what it must be."""
    return XmlError(400, "InvalidArgument", "Invalid argument.", Details=details)


def malformed_security(parameter: str, details: str) -> XmlError:
    """A part of the authentication cannot be what it is."""
    return XmlError(
        400,
        "MalformedSecurityHeader",
        "Your request has a malformed header.",
        ParameterName=parameter,
        Details=details,
    )


def access_denied(details: str) -> XmlError:
    """Whoever asks may not."""
    return XmlError(403, "AccessDenied", "Access denied.", Details=details)


def not_implemented(what: str) -> XmlError:
    """Google can do it, the local Cloud Storage cannot: better no answer than a wrong one."""
    return XmlError(
        501, "NotImplemented", "Not implemented.", Details=f"the local Cloud Storage has not got {what}"
    )


def in_xml(error: StorageError) -> XmlError:
    """A refusal of the store, as this API puts it."""
    return XmlError(error.status, _CODES.get(error.reason, "InvalidArgument"), error.message)
