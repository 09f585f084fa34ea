"""Links of the official client, used by whoever has them: they allow what was signed, and that alone."""

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import storage
from google.oauth2 import service_account

from infra.local.clock import Clock
from infra.local.http_server import address_of, local_socket, served
from infra.local.keys import pem
from infra.local.storage import StorageService
from infra.local.storage.signing import Signer

ACCOUNT = "functions@shop.iam.gserviceaccount.com"
KEY = rsa.generate_private_key(65537, 2048)
CREDENTIALS = service_account.Credentials.from_service_account_info(
    {"client_email": ACCOUNT, "token_uri": "http://127.0.0.1:9", "private_key": pem(KEY)}
)
NAME = "products/1/Ä b.jpg"
PICTURE = b"\xff\xd8\xff" + b"picture" * 100
BOUNDED = {"Content-Type": "image/jpeg", "x-goog-content-length-range": "2,1000"}


@dataclass(frozen=True)
class Shop:
    """A store with the private bucket ``uploads`` and the public bucket ``images``, and whom it lets sign."""

    clock: Clock
    bucket: storage.Bucket
    http: httpx.AsyncClient

    def link(self, method: str, headers: Mapping[str, str] | None = None, **options: Any) -> str:
        """A link to ``NAME``, good for 15 minutes."""
        url: str = self.bucket.blob(options.pop("name", NAME)).generate_signed_url(
            version="v4", expiration=900, method=method, headers=dict(headers or {}), **options
        )
        return url

    async def upload(self, body: Any = PICTURE, headers: Mapping[str, str] = BOUNDED) -> httpx.Response:
        """Upload by a link for exactly these headers."""
        return await self.http.put(self.link("PUT", headers), content=body, headers=dict(headers))

    async def download(self, **headers: str) -> httpx.Response:
        return await self.http.get(self.link("GET"), headers=headers)

    async def is_empty(self) -> bool:
        return (await self.download()).status_code == 404


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    clock = Clock()
    service = StorageService(tmp_path, clock, Signer(ACCOUNT, KEY.public_key()))
    service.ensure_bucket("uploads", public=False)
    service.ensure_bucket("images", public=True)
    listener = local_socket()
    url = f"http://{address_of(listener)}"
    client = storage.Client("shop", CREDENTIALS, client_options={"api_endpoint": url})
    async with (
        served(service.app(), listener, auto_decompress=False),
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        yield Shop(clock, client.bucket("uploads"), http)
    service.close()


def code(response: httpx.Response) -> tuple[int, str]:
    """The status and Google's name for the error."""
    return response.status_code, response.text.partition("<Code>")[2].partition("<")[0]


async def test_what_is_uploaded_by_a_link_can_be_downloaded_by_one(shop: Shop) -> None:
    headers = {**BOUNDED, "x-goog-meta-product": "1", "Cache-Control": "private", "Content-Language": "de"}

    uploaded = await shop.upload(headers=headers)
    downloaded = await shop.download()

    assert (uploaded.status_code, uploaded.content) == (200, b"")
    assert downloaded.content == PICTURE
    assert uploaded.headers["ETag"] == downloaded.headers["ETag"] == f'"{hashlib.md5(PICTURE).hexdigest()}"'
    assert uploaded.headers["x-goog-generation"] == downloaded.headers["x-goog-generation"]
    assert downloaded.headers["x-goog-metageneration"] == "1"
    assert (
        f"md5={base64.b64encode(hashlib.md5(PICTURE).digest()).decode()}" in downloaded.headers["x-goog-hash"]
    )
    kept = ("Content-Type", "x-goog-meta-product", "Cache-Control", "Content-Language")
    assert [downloaded.headers[name] for name in kept] == ["image/jpeg", "1", "private", "de"]


async def test_an_upload_of_another_type_is_refused(shop: Shop) -> None:
    link = shop.link("PUT", BOUNDED)
    other = await shop.http.put(link, content=PICTURE, headers={**BOUNDED, "Content-Type": "text/html"})
    assert code(other) == (403, "SignatureDoesNotMatch")
    assert await shop.is_empty()


async def test_an_upload_without_its_signed_bound_is_refused(shop: Shop) -> None:
    link = shop.link("PUT", BOUNDED)
    unbounded = await shop.http.put(link, content=PICTURE, headers={"Content-Type": "image/jpeg"})
    assert code(unbounded) == (400, "MalformedSecurityHeader")
    assert await shop.is_empty()


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(11):
        yield b"x" * 100


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"x" * 1001, "EntityTooLarge"),
        (_chunks, "EntityTooLarge"),
        (b"x", "EntityTooSmall"),
        (b"", "EntityTooSmall"),
    ],
)
async def test_nothing_is_kept_of_an_upload_that_leaves_its_bounds(shop: Shop, body: Any, error: str) -> None:
    response = await shop.upload(body() if callable(body) else body)
    assert code(response) == (400, error)
    assert await shop.is_empty()


async def test_the_bounds_themselves_are_allowed(shop: Shop) -> None:
    assert (await shop.upload(b"x" * 2)).status_code == 200
    assert (await shop.upload(b"x" * 1000)).status_code == 200


async def test_a_link_ends_with_its_lifetime(shop: Shop) -> None:
    link = shop.link("PUT", BOUNDED)
    shop.clock.advance(902)
    assert code(await shop.http.put(link, content=PICTURE, headers=BOUNDED)) == (400, "ExpiredToken")


async def test_a_link_is_for_one_method_and_one_object(shop: Shop) -> None:
    link = shop.link("PUT", BOUNDED)
    for method, url in [("GET", link), ("DELETE", link), ("PUT", link.replace("products/1/", "products/2/"))]:
        response = await shop.http.request(method, url, headers=BOUNDED)
        assert code(response) == (403, "SignatureDoesNotMatch")


async def test_a_changed_link_is_refused(shop: Shop) -> None:
    link = shop.link("PUT", BOUNDED)
    for changed in (link.replace("X-Goog-Expires=900", "X-Goog-Expires=901"), f"{link}&generation=1"):
        response = await shop.http.put(changed, content=PICTURE, headers=BOUNDED)
        assert code(response) == (403, "SignatureDoesNotMatch")


async def test_a_link_of_the_old_kind_is_not_accepted(shop: Shop) -> None:
    link = shop.bucket.blob(NAME).generate_signed_url(version="v2", expiration=900, method="PUT")
    assert code(await shop.http.put(link, content=PICTURE)) == (501, "NotImplemented")


async def test_without_a_link_a_private_bucket_is_closed(shop: Shop) -> None:
    await shop.upload()
    for method in ("GET", "HEAD", "PUT", "DELETE", "POST"):
        response = await shop.http.request(method, "/uploads/products/1/%C3%84%20b.jpg")
        assert response.status_code == 403


async def test_anybody_may_read_a_public_bucket_but_not_write_it(shop: Shop) -> None:
    public = storage.Bucket(shop.bucket.client, "images")
    link = public.blob("a.webp").generate_signed_url(version="v4", expiration=900, method="PUT")
    assert (await shop.http.put(link, content=PICTURE)).status_code == 200

    assert (await shop.http.get("/images/a.webp")).content == PICTURE
    assert (await shop.http.head("/images/a.webp")).headers["Content-Length"] == str(len(PICTURE))
    assert code(await shop.http.get("/images/b.webp"))[1] in ("NoSuchKey", "AccessDenied")
    assert code(await shop.http.put("/images/a.webp", content=b"")) == (403, "AccessDenied")


async def test_a_damaged_upload_is_refused(shop: Shop) -> None:
    digest = base64.b64encode(hashlib.md5(b"another").digest()).decode()
    for damage in (
        {"Content-MD5": digest},
        {"x-goog-hash": f"md5={digest}"},
        {"x-goog-hash": "crc32c=AAAAAA=="},
    ):
        assert code(await shop.upload(headers={**BOUNDED, **damage})) == (400, "BadDigest")
    assert await shop.is_empty()


async def test_an_upload_can_insist_on_being_the_first(shop: Shop) -> None:
    headers = {**BOUNDED, "x-goog-if-generation-match": "0"}
    assert (await shop.upload(headers=headers)).status_code == 200
    assert code(await shop.upload(b"another", headers)) == (412, "PreconditionFailed")
    assert (await shop.download()).content == PICTURE


async def test_what_the_store_cannot_do_it_refuses(shop: Shop) -> None:
    copy = await shop.upload(headers={"x-goog-copy-source": "/uploads/other"})
    assert code(copy) == (501, "NotImplemented")


async def test_a_download_can_be_of_a_part_and_under_another_type(shop: Shop) -> None:
    await shop.upload()

    part = await shop.download(Range="bytes=3-9")
    beyond = await shop.download(Range="bytes=5000-")
    link = shop.link("GET", response_type="text/plain", response_disposition='attachment; filename="a.jpg"')
    named = await shop.http.get(link)

    assert (part.status_code, part.content) == (206, b"picture")
    assert part.headers["Content-Range"] == f"bytes 3-9/{len(PICTURE)}"
    assert beyond.status_code == 416
    assert named.headers["Content-Type"] == "text/plain"
    assert named.headers["Content-Disposition"] == 'attachment; filename="a.jpg"'


async def test_a_stranger_cannot_say_what_a_public_object_is_shown_as(shop: Shop) -> None:
    public = storage.Bucket(shop.bucket.client, "images").blob("a.webp")
    link = public.generate_signed_url(version="v4", expiration=900, method="PUT")
    await shop.http.put(link, content=PICTURE, headers={"Content-Type": "image/webp"})
    shown = await shop.http.get("/images/a.webp?response-content-type=text/html")
    assert shown.headers["Content-Type"] == "image/webp"


async def test_a_link_can_delete(shop: Shop) -> None:
    await shop.upload()
    assert (await shop.http.delete(shop.link("DELETE"))).status_code == 204
    assert code(await shop.download()) == (404, "NoSuchKey")
    assert code(await shop.http.delete(shop.link("DELETE"))) == (404, "NoSuchKey")


async def resumable(shop: Shop, headers: Mapping[str, str] = BOUNDED) -> httpx.Response:
    """Begin an upload in parts, by a link that is good for the beginning alone."""
    start = {**headers, "x-goog-resumable": "start"}
    return await shop.http.post(shop.link("RESUMABLE", headers), headers=start)


async def test_a_link_can_begin_an_upload_in_parts(shop: Shop) -> None:
    begun = await resumable(shop)
    session = begun.headers["Location"]
    assert begun.status_code == 201
    body = b"x" * 300

    asked = await shop.http.put(session, headers={"Content-Range": "bytes */300"})
    finished = await shop.http.put(session, content=body)

    assert asked.status_code == 308
    assert finished.status_code == 200
    assert (await shop.download()).content == body
    assert (await shop.download()).headers["Content-Type"] == "image/jpeg"


async def test_an_upload_in_parts_keeps_to_its_bounds(shop: Shop) -> None:
    begun = await resumable(shop)
    finished = await shop.http.put(begun.headers["Location"], content=b"x" * 1001)
    assert finished.status_code == 400
    assert await shop.is_empty()


async def test_a_browser_may_upload_where_the_bucket_says_so(shop: Shop) -> None:
    site = "https://shop.example"
    rules = [{"origin": [site], "method": ["PUT"], "responseHeader": ["Content-Type"], "maxAgeSeconds": 60}]
    await shop.http.patch("/storage/v1/b/uploads", json={"cors": rules})
    asking = {"Origin": site, "Access-Control-Request-Method": "PUT"}

    allowed = await shop.http.options("/uploads/a", headers=asking)
    refused = await shop.http.options("/uploads/a", headers={**asking, "Origin": "https://other.example"})
    uploaded = await shop.http.put(
        shop.link("PUT", BOUNDED), content=PICTURE, headers={**BOUNDED, "Origin": site}
    )

    assert allowed.headers["Access-Control-Allow-Origin"] == site
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert uploaded.headers["Access-Control-Allow-Origin"] == site
