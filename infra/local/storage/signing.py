"""Whether a signed URL (V4, RSA) allows a request.

Sources: https://cloud.google.com/storage/docs/authentication/signatures,
https://cloud.google.com/storage/docs/authentication/canonical-requests. Signatures of HMAC keys and of the older V2
process are not here and answer NotImplemented.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from .xml_errors import XmlError, access_denied, invalid_argument, malformed_security, not_implemented

_ALGORITHM = "GOOG4-RSA-SHA256"
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_LONGEST_SECONDS = 604_800  # seven days
_SKEW_SECONDS = 15 * 60
_PARAMETERS = tuple(
    f"X-Goog-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
_V2_PARAMETERS = {"GoogleAccessId", "Signature"}


@dataclass(frozen=True)
class SignedRequest:
    """What a signature speaks of.

    Attributes:
        path: as it was sent, percent-encoded, without the query.
        query: as it was sent, without the question mark.
        headers: names and values, a name as often as it was sent.
    """

    method: str
    path: str
    query: str
    headers: Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Signer:
    """The one account whose signatures count.

    Attributes:
        account: its e-mail address.
        key: the public half of its key.
    """

    account: str
    key: rsa.RSAPublicKey

    def check(self, request: SignedRequest, now: float) -> None:
        """Return if the account has signed the request, and the signature is good at ``now``.

        Args:
            now: seconds since the epoch.

        Raises:
            XmlError: it has not; AccessDenied if there is no signature at all.
        """
        parameters = _parameters(request.query)
        scope = self._scope(parameters["X-Goog-Credential"])
        signed_at = _check_times(parameters, now)
        if not signed_at.startswith(scope.partition("/")[0]):
            raise malformed_security("X-Goog-Credential", "the date is not that of X-Goog-Date")
        canonical = _canonical_request(request, parameters)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        self._check_signature(
            parameters["X-Goog-Signature"], f"{_ALGORITHM}\n{signed_at}\n{scope}\n{digest}", canonical
        )

    def _scope(self, credential: str) -> str:
        """``date/location/storage/goog4_request``; any location goes, since the store has none."""
        account, _, scope = credential.partition("/")
        if account != self.account:
            raise XmlError(403, "InvalidSecurity", "The provided security credentials are not valid.")
        match scope.split("/"):
            case [_, _, "storage", "goog4_request"]:
                return scope
            case _:
                raise malformed_security("X-Goog-Credential", f"the credential scope {scope!r} is not valid")

    def _check_signature(self, signature: str, signed: str, canonical: str) -> None:
        try:
            self.key.verify(bytes.fromhex(signature), signed.encode(), padding.PKCS1v15(), SHA256())
        except ValueError:
            raise malformed_security("X-Goog-Signature", "the signature is not hexadecimal") from None
        except InvalidSignature:
            raise XmlError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
                StringToSign=signed,
                CanonicalRequest=canonical,
            ) from None


def _parameters(query: str) -> Mapping[str, str]:
    """The query's parameters, which have all that a signature needs."""
    pairs = parse_qsl(query, keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise invalid_argument("a query parameter is there twice")
    if _V2_PARAMETERS & parameters.keys():
        raise not_implemented("V2 signatures")
    if not any(name in parameters for name in _PARAMETERS):
        raise access_denied("the request has no signature, and anonymous callers may not do this")
    for name in _PARAMETERS:
        if name not in parameters:
            raise XmlError(
                400,
                "MissingSecurityHeader",
                "Your request was missing a required header.",
                ParameterName=name,
            )
    if parameters["X-Goog-Algorithm"] != _ALGORITHM:
        raise not_implemented(f"signatures by {parameters['X-Goog-Algorithm']}, only by {_ALGORITHM}")
    return parameters


def _check_times(parameters: Mapping[str, str], now: float) -> str:
    """The time of the signature as it was given, if the signature is good at ``now``."""
    given = parameters["X-Goog-Date"]
    try:
        since = datetime.strptime(given, _DATE_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise malformed_security("X-Goog-Date", "the form of a time is YYYYMMDDThhmmssZ") from None
    expires = parameters["X-Goog-Expires"]
    if not (
        expires.isascii()
        and expires.isdecimal()
        and len(expires) <= 6
        and 0 < int(expires) <= _LONGEST_SECONDS
    ):
        raise malformed_security("X-Goog-Expires", f"it must be 1 to {_LONGEST_SECONDS} seconds")
    if now < since - _SKEW_SECONDS:
        raise XmlError(
            403,
            "RequestTimeTooSkewed",
            "The request is signed for a time that is too far ahead of the server's.",
        )
    until = since + int(expires)
    if now > until:
        end = datetime.fromtimestamp(until, UTC).isoformat()
        raise XmlError(400, "ExpiredToken", "Invalid argument.", Details=f"the signature expired at {end}")
    return given


def _canonical_request(request: SignedRequest, parameters: Mapping[str, str]) -> str:
    signed_headers = parameters["X-Goog-SignedHeaders"]
    headers = _signed_headers(request.headers, signed_headers)
    query = sorted(
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in parameters.items()
        if name != "X-Goog-Signature"
    )
    return "\n".join(
        [
            request.method,
            request.path,
            "&".join(query),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            signed_headers,
            headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )


def _signed_headers(headers: Iterable[tuple[str, str]], signed: str) -> Mapping[str, str]:
    """The headers that are signed, in the order of their names, with the values that they have in the request."""
    names = signed.split(";")
    if "host" not in names or names != sorted(name.lower() for name in names):
        raise malformed_security("X-Goog-SignedHeaders", "names in lower case, sorted, 'host' among them")
    sent: dict[str, list[str]] = {}
    for name, value in headers:
        sent.setdefault(name.lower(), []).append(" ".join(value.split()))
    for name in names:
        if name not in sent:
            raise malformed_security(name, "the header is signed, but not in the request")
    for name in sent:
        # What changes the meaning of a request only its signer may say.
        if name.startswith("x-goog-") and name not in names:
            raise malformed_security(name, "the header is in the request, but not signed")
    return {name: ",".join(sent[name]) for name in names}
