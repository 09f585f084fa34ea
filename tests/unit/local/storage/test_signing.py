"""What the official client signs is allowed, and nothing that differs from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import storage
from google.oauth2 import service_account
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.keys import pem
from infra.local.storage.signing import SignedRequest, Signer
from infra.local.storage.xml_errors import XmlError

HOST = "127.0.0.1:4443"
ACCOUNT = "functions@shop.iam.gserviceaccount.com"
KEY, OTHER_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))
SIGNER = Signer(ACCOUNT, KEY.public_key())
LIFETIME = 900
WEEK = 7 * 24 * 3600
CREDENTIALS = service_account.Credentials.from_service_account_info(
    {"client_email": ACCOUNT, "token_uri": "http://127.0.0.1:9", "private_key": pem(KEY)}
)
BUCKET = storage.Client("shop", CREDENTIALS, client_options={"api_endpoint": f"http://{HOST}"}).bucket(
    "uploads"
)


@dataclass(frozen=True)
class Sent:
    """A request, as its sender made it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    signed_at: float

    def check(self, signer: Signer = SIGNER, after: float = 0) -> None:
        """Check it as if it arrived ``after`` seconds."""
        request = SignedRequest(self.method, self.path, urlencode(self.query), self.headers.items())
        signer.check(request, self.signed_at + after)

    def refused_as(self, signer: Signer = SIGNER, after: float = 0) -> str:
        with pytest.raises(XmlError) as refused:
            self.check(signer, after)
        return refused.value.code

    def asking(self, **changes: str) -> "Sent":
        """With other query parameters; an underscore in a name stands for a hyphen."""
        return replace(
            self, query={**self.query, **{key.replace("_", "-"): value for key, value in changes.items()}}
        )

    def saying(self, **changes: str) -> "Sent":
        """With other headers; an underscore in a name stands for a hyphen."""
        return replace(
            self, headers={**self.headers, **{key.replace("_", "-"): value for key, value in changes.items()}}
        )


def without(items: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in items.items() if key != name}


def signed(
    name: str = "products/1/a.jpg",
    method: str = "PUT",
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> Sent:
    """The request for which the official client signs."""
    options = {"expiration": LIFETIME, **options}
    url = BUCKET.blob(name).generate_signed_url(
        version="v4", method=method, headers=dict(headers or {}), **options
    )
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return Sent(method, parts.path, query, {"host": HOST, **(headers or {})}, signed_at.timestamp())


@pytest.fixture(scope="module")
def upload() -> Sent:
    """A link for an upload, as the shop gives it."""
    return signed(
        headers={"content-type": "image/jpeg", "x-goog-content-length-range": "1,26214400"},
        query_parameters={"response-content-type": "text/plain"},
    )


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
header = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12).filter(
    str.strip
)


@settings(max_examples=40)
@given(
    name=text,
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    metadata=header,
    disposition=text,
    expires=st.integers(1, WEEK),
)
def test_whatever_the_client_signs_is_allowed(
    name: str, method: str, metadata: str, disposition: str, expires: int
) -> None:
    made = signed(
        name,
        method,
        {"x-goog-meta-note": metadata, "content-type": "image/png"},
        response_disposition=disposition,
        expiration=expires,
    )
    made.check()
    made.check(after=expires)


@settings(max_examples=60)
@given(data=st.data())
def test_a_signature_speaks_of_one_request_alone(upload: Sent, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(["method", "path", "query", "headers"]))
    original = getattr(upload, part)
    if isinstance(original, str):
        changed: Any = data.draw(text.map(lambda added: original + added))
    else:
        name = data.draw(st.sampled_from([*original, "x-goog-new"]))
        value = original.get(name, "")
        other = data.draw(header.filter(lambda drawn: " ".join(drawn.split()) != value))
        changed = {**original, name: other}

    replace(upload, **{part: changed}).refused_as()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda sent: replace(sent, method="GET"), "SignatureDoesNotMatch"),
        (lambda sent: replace(sent, path="/uploads/products/1/b.jpg"), "SignatureDoesNotMatch"),
        (lambda sent: replace(sent, path="/other/products/1/a.jpg"), "SignatureDoesNotMatch"),
        (lambda sent: sent.asking(response_content_type="text/html"), "SignatureDoesNotMatch"),
        (lambda sent: sent.asking(generation="1"), "SignatureDoesNotMatch"),
        (
            lambda sent: replace(sent, query=without(sent.query, "response-content-type")),
            "SignatureDoesNotMatch",
        ),
        (lambda sent: sent.asking(X_Goog_Expires="901"), "SignatureDoesNotMatch"),
        (lambda sent: sent.asking(X_Goog_Expires=str(WEEK + 1)), "MalformedSecurityHeader"),
        (lambda sent: sent.asking(X_Goog_Expires="0"), "MalformedSecurityHeader"),
        (lambda sent: sent.asking(X_Goog_Expires="a day"), "MalformedSecurityHeader"),
        (lambda sent: sent.asking(X_Goog_Date="today"), "MalformedSecurityHeader"),
        (lambda sent: sent.asking(X_Goog_Signature="00" * 256), "SignatureDoesNotMatch"),
        (lambda sent: sent.asking(X_Goog_Signature="signed"), "MalformedSecurityHeader"),
        (
            lambda sent: sent.asking(X_Goog_Credential=f"{ACCOUNT}/20200101/auto/s3/aws4"),
            "MalformedSecurityHeader",
        ),
        (
            lambda sent: sent.asking(X_Goog_Credential=f"{ACCOUNT}/20200101/auto/storage/goog4_request"),
            "MalformedSecurityHeader",
        ),
        (
            lambda sent: sent.asking(X_Goog_Credential="you/20200101/auto/storage/goog4_request"),
            "InvalidSecurity",
        ),
        (lambda sent: sent.asking(X_Goog_SignedHeaders="content-type"), "MalformedSecurityHeader"),
        (
            lambda sent: sent.asking(X_Goog_SignedHeaders="host;x-goog-content-length-range"),
            "SignatureDoesNotMatch",
        ),
        (lambda sent: sent.saying(content_type="text/html"), "SignatureDoesNotMatch"),
        (lambda sent: sent.saying(host="127.0.0.1:80"), "SignatureDoesNotMatch"),
        (lambda sent: sent.saying(x_goog_content_length_range="1,999999999"), "SignatureDoesNotMatch"),
        (lambda sent: sent.saying(x_goog_meta_role="admin"), "MalformedSecurityHeader"),
        (
            lambda sent: replace(sent, headers=without(sent.headers, "content-type")),
            "MalformedSecurityHeader",
        ),
        (
            lambda sent: replace(sent, headers=without(sent.headers, "x-goog-content-length-range")),
            "MalformedSecurityHeader",
        ),
    ],
)
def test_a_request_that_differs_is_refused_with_googles_error(upload: Sent, change: Any, code: str) -> None:
    assert change(upload).refused_as() == code


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
def test_every_part_of_a_signature_is_needed(upload: Sent, name: str) -> None:
    incomplete = replace(upload, query=without(upload.query, f"X-Goog-{name}"))
    assert incomplete.refused_as() == "MissingSecurityHeader"


def test_a_parameter_that_is_there_twice_is_refused(upload: Sent) -> None:
    twice = SignedRequest(
        "PUT", upload.path, f"{urlencode(upload.query)}&X-Goog-Expires=9", upload.headers.items()
    )
    with pytest.raises(XmlError, match="InvalidArgument"):
        SIGNER.check(twice, upload.signed_at)


def test_a_header_that_is_sent_twice_counts_with_both_values(upload: Sent) -> None:
    headers = [*upload.headers.items(), ("x-goog-content-length-range", "1,999999999")]
    twice = SignedRequest("PUT", upload.path, urlencode(upload.query), headers)
    with pytest.raises(XmlError, match="SignatureDoesNotMatch"):
        SIGNER.check(twice, upload.signed_at)


def test_headers_that_are_not_googles_need_no_signature(upload: Sent) -> None:
    upload.saying(user_agent="a browser", content_length="17").check()


def test_a_link_is_good_for_its_lifetime(upload: Sent) -> None:
    upload.check(after=LIFETIME)
    assert upload.refused_as(after=LIFETIME + 1) == "ExpiredToken"


def test_the_clock_of_a_signer_may_be_fifteen_minutes_fast(upload: Sent) -> None:
    upload.check(after=-900)
    assert upload.refused_as(after=-901) == "RequestTimeTooSkewed"


def test_another_key_of_the_same_name_signs_nothing(upload: Sent) -> None:
    assert upload.refused_as(Signer(ACCOUNT, OTHER_KEY.public_key())) == "SignatureDoesNotMatch"


def test_no_signature_is_no_access(upload: Sent) -> None:
    assert replace(upload, query={}).refused_as() == "AccessDenied"


@pytest.mark.parametrize(
    "query",
    [
        {"GoogleAccessId": ACCOUNT, "Expires": "4102444800", "Signature": "c2lnbmVk"},
        {"X-Goog-Algorithm": "GOOG4-HMAC-SHA256"},
    ],
)
def test_signatures_that_cannot_be_verified_here_are_refused(upload: Sent, query: dict[str, str]) -> None:
    other = replace(upload, query={**upload.query, **query})
    assert other.refused_as() == "NotImplemented"
