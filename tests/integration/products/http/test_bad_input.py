"""Requests that are wrong in themselves: a precise 4xx each, and nothing written.

What may stand in each field, tests/unit/products/test_model.py says; here is how that is answered.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.products.http.stored import nothing_written
from tests.integration.refusals import refused
from tests.unit.products.examples import content

ELEVEN_MEGABYTES = 11_000_000
METHODS = ("POST", "PUT", "PATCH")
JSON = {"Content-Type": "application/json", "Idempotency-Key": "bad"}
URL = "https://img.example/a.jpg"


@dataclass(frozen=True)
class Sender:
    """Sends what is bad, to where products are made and to where the module's one product is changed."""

    caller: Caller
    product_id: str

    def send(self, method: str, **request: Any) -> httpx.Response:
        path = "" if method == "POST" else f"/{self.product_id}"
        return self.caller(method, path, **{"headers": JSON, **request})


@pytest.fixture(scope="module")
def sender(system: LocalCloud, database: Client) -> Iterator[Sender]:
    caller = Caller(system.http, system.token("seller", sub="bad-input"))
    product_id = caller.create()["id"]
    system.http.post("/_local/idle").raise_for_status()
    with nothing_written(database, "bad-input"):
        yield Sender(caller, product_id)


def spoilt(**changes: Any) -> bytes:
    return json.dumps(content(**changes)).encode()


def with_name(raw: str | bytes) -> bytes:
    """A product whose name is this piece of JSON."""
    raw = raw if isinstance(raw, bytes) else raw.encode()
    return spoilt(product_name="@@").replace(b'"@@"', raw)


def with_price(raw: str) -> bytes:
    """A product whose price is this piece of JSON."""
    return spoilt(product_price="@@").replace(b'"@@"', raw.encode())


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        *(
            (with_price(raw), ("product_price",))
            for raw in ("NaN", "Infinity", "-Infinity", "1e400", "89.90")
        ),
        *(
            (with_price(raw), ("product_price",))
            for raw in ("-1", "9" * 400, "true", "null", '["1"]', '{"1": 1}')
        ),
        *(
            (spoilt(product_price=price), ("product_price",))
            for price in ("NaN", "-1", "1e3", "1.999", "1.000")
        ),
        (spoilt(product_price="9" * 13), ("product_price",)),
        (spoilt(product_price="100.0", currency="JPY"), ("product_price",)),
        (spoilt(product_price="1.2345", currency="KWD"), ("product_price",)),
        (spoilt(product_price="1.999", currency="XAU"), ("currency",)),
        (spoilt(currency="eur", product_price=1), ("currency", "product_price")),
        (spoilt(product_images=[URL] * 21), ("product_images",)),
        (spoilt(product_images=[URL, "javascript:alert(1)"]), ("product_images[1]",)),
        (
            spoilt(product_images=["file:///etc/passwd", "data:,a"]),
            ("product_images[0]", "product_images[1]"),
        ),
        (spoilt(product_images=["http://img.example/"]), ("product_images[0]",)),
        (spoilt(product_images=["https://ann:secret@img.example/"]), ("product_images[0]",)),
        (spoilt(product_images=["https://img.example/a b"]), ("product_images[0]",)),
        (spoilt(product_images=[URL + "x" * 3_000]), ("product_images[0]",)),
        (spoilt(product_images=[{"url": URL}]), ("product_images[0]",)),
        (spoilt(product_images=URL), ("product_images",)),
        *(
            (spoilt(product_name=name), ("product_name",))
            for name in ("", " \t", "x" * 201, "a\nb", "\x00", 7)
        ),
        (spoilt(product_description="x" * 10_001), ("product_description",)),
        (spoilt(product_description=None), ("product_description",)),
        (with_name("[" * 150 + "]" * 150), ("product_name",)),
        (with_name('{"a":' * 150 + "1" + "}" * 150), ("product_name",)),
        (spoilt(color="red", id="p1", version=1), ("color", "id", "version")),
        (spoilt(compressed_product_images=[]), ("compressed_product_images",)),
        (b"{}", ("product_name", "currency", "product_price")),
        *((body, ("",)) for body in (b"null", b"[]", b'"Linen shirt"', b"7", b"true", b"NaN", b"[{}]")),
    ],
    ids=lambda value: value[:40].decode() if isinstance(value, bytes) else "",
)
def test_a_product_of_the_wrong_shape(sender: Sender, body: bytes, fields: tuple[str, ...]) -> None:
    for method in ("POST", "PUT"):
        refused(sender.send(method, content=body), 422, "validation-failed", *fields)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *((body, "") for body in (b"null", b"[]", b'"a"', b"7", b"NaN", b'[{"op": "remove"}]')),
        (b'{"product_price": NaN}', "product_price"),
        (b'{"product_price": 1e400}', "product_price"),
        (b'{"product_price": "1.999"}', "product_price"),
        (b'{"product_images": ["http://img.example/"]}', "product_images[0]"),
        (b'{"product_name": {"a": {"b": null}}}', "product_name"),
        (b'{"": null}', ""),
    ],
    ids=range(12),
)
def test_a_patch_of_the_wrong_shape(sender: Sender, body: bytes, field: str) -> None:
    refused(sender.send("PATCH", content=body), 422, "validation-failed", field)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"{'a': 1}", b"\xef\xbb\xbf{}", b"{} {}", b"[" * 100_000, b'{"a":' * 5_000),
        *(with_name(b'"\xff\xfe"'), with_name(b'"\xed\xa0\x80"'), with_name(b'"\x00"'), with_name(b'"a\nb"')),
        *(with_name(r'"\ud800"'), with_name(r'"\udc00\ud800"'), with_name("9" * 5_000), with_name("01")),
        *(
            json.dumps(content()).encode("utf-16"),
            json.dumps(content()).encode("utf-32"),
            b"\x1f\x8b\x08\x00",
        ),
    ],
    ids=range(18),
)
def test_a_body_that_is_no_json(sender: Sender, body: bytes) -> None:
    for method in METHODS:
        refused(sender.send(method, content=body), 400, "malformed-json")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "json"},
    ],
    ids=str,
)
def test_a_body_of_another_type(sender: Sender, headers: dict[str, str]) -> None:
    for method in METHODS:
        refused(sender.send(method, content=spoilt(), headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16"])
def test_json_is_utf_8_whatever_its_type_says(sender: Sender, charset: str) -> None:
    body = json.dumps(content(product_name="Bücher"), ensure_ascii=False).encode(charset)
    headers = {"Content-Type": f"application/json; charset={charset}"}
    for method in METHODS:
        refused(sender.send(method, content=body, headers=headers), 400, "malformed-json")


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_body_of_eleven_megabytes(sender: Sender, method: str, declared: bool) -> None:
    body = b" " * ELEVEN_MEGABYTES
    pieces = (body[i : i + 65_536] for i in range(0, len(body), 65_536))
    refused(sender.send(method, content=body if declared else pieces), 413, "body-too-large")


def test_a_body_one_byte_too_long(sender: Sender) -> None:
    longest = spoilt().ljust(512 * 1024)
    refused(sender.send("POST", content=longest + b" "), 413, "body-too-large")
