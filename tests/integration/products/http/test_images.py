"""Images of a product over HTTP: how they come, what is said of them, and that they go with their product.

What becomes of them in trouble, tests/integration/images says.
"""

import io
from datetime import datetime
from typing import Any

import httpx
import pytest
from google.cloud.firestore import DELETE_FIELD, Client
from PIL import Image

from shared.images import MAX_IMAGES
from tests.e2e.clients import bucket
from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.products.http.gallery import HEIGHT, WIDTH, Gallery, picture
from tests.integration.refusals import refused
from tests.unit.products.examples import content

FRONT, BACK, SIDE = (f"https://img.example/{name}.jpg" for name in ("front", "back", "side"))
PNG = {"content_type": "image/png"}


@pytest.fixture
def gallery(system: LocalCloud, seller: Caller) -> Gallery:
    return Gallery(system, seller)


@pytest.fixture
def product_id(seller: Caller) -> str:
    """A product without images."""
    return str(seller.create(product_images=[])["id"])


@pytest.fixture(scope="module")
def finished(system: LocalCloud) -> tuple[Gallery, str]:
    """A product that no test changes, with an upload that is done after an image that is not fetched."""
    gallery = Gallery(system, Caller(system.http, system.token("seller", sub="photographer")))
    product_id = gallery.seller.create(product_images=[FRONT])["id"]
    gallery.upload(product_id)
    return gallery, product_id


def ids(product: dict[str, Any]) -> list[str]:
    return [image["id"] for image in product["images"]]


# Upload links


def test_a_link_says_how_an_image_is_to_be_sent(gallery: Gallery, product_id: str) -> None:
    link = gallery.link(product_id, "image/jpeg")
    now = datetime.fromisoformat(gallery.system.http.get("/_local/clock").json()["now"])
    assert 880 < (datetime.fromisoformat(link["expires_at"]) - now).total_seconds() <= 900
    assert link["source"] == f"{gallery.system.base_url}/products/{product_id}/images/{link['image_id']}"
    assert link["method"] == "PUT"
    assert link["headers"] == {"Content-Type": "image/jpeg", "x-goog-content-length-range": "1,26214400"}
    assert f"/products/{product_id}/{link['image_id']}?" in link["url"]


def test_what_a_link_does_not_allow_is_not_taken(gallery: Gallery, product_id: str) -> None:
    link = gallery.link(product_id, "image/jpeg")
    for changed in ({"Content-Type": "text/html"}, {"x-goog-content-length-range": "1,99999999"}):
        assert httpx.put(link["url"], headers=link["headers"] | changed, content=b"x").status_code == 403
    assert httpx.get(link["url"], headers=link["headers"]).status_code == 403
    assert httpx.put(link["url"], headers=link["headers"], content=b"").status_code == 400
    assert [image["status"] for image in gallery.states(product_id)] == ["awaiting"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content_type"),
        ({"content_type": "image/svg+xml"}, "content_type"),
        ({"content_type": "text/html"}, "content_type"),
        ({"content_type": "IMAGE/PNG"}, "content_type"),
        ({"content_type": None}, "content_type"),
        (PNG | {"name": "front.png"}, "name"),
    ],
    ids=str,
)
def test_a_link_is_for_an_image(seller: Caller, product_id: str, body: Any, field: str) -> None:
    refused(seller("POST", f"/{product_id}/images", json=body), 422, "validation-failed", field)


def test_a_request_for_a_link_is_short(seller: Caller, product_id: str) -> None:
    body = b'{"content_type":"image/png"' + b" " * 1024 + b"}"
    answer = seller(
        "POST", f"/{product_id}/images", content=body, headers={"Content-Type": "application/json"}
    )
    refused(answer, 413, "body-too-large")


def test_a_product_with_all_the_images_that_it_may_have_gets_no_link(seller: Caller) -> None:
    urls = [f"https://img.example/{place}.jpg" for place in range(MAX_IMAGES)]
    product = seller.create(product_images=urls)
    assert len(set(ids(product))) == MAX_IMAGES
    refused(seller("POST", f"/{product['id']}/images", json=PNG), 409, "too-many-images")
    seller("PATCH", f"/{product['id']}", json={"product_images": urls[1:]}).raise_for_status()
    assert seller("POST", f"/{product['id']}/images", json=PNG).status_code == 201


# Who may


@pytest.mark.parametrize("request_", [("POST", ""), ("GET", ""), ("GET", "/i1")], ids=str)
def test_the_images_of_a_product_are_its_sellers_business(
    system: LocalCloud, stranger: Caller, finished: tuple[Gallery, str], request_: tuple[str, str]
) -> None:
    gallery, product_id = finished
    (method, place), body = request_, PNG if request_[0] == "POST" else None
    where = f"/{product_id}/images{place.replace('i1', ids(gallery.product(product_id))[1])}"
    nobody, warehouse = Caller(system.http, {}), Caller(system.http, system.token("warehouse"))
    refused(stranger(method, where, json=body), 404, "not-found")
    refused(nobody(method, where, json=body), 401, "unauthorized")
    refused(warehouse(method, where, json=body), 403, "forbidden")


def test_operators_help_with_anybodys_images(ops: Caller, finished: tuple[Gallery, str]) -> None:
    gallery, product_id = finished
    image_id = ids(gallery.product(product_id))[1]
    assert len(ops("GET", f"/{product_id}/images").raise_for_status().json()["images"]) >= 2
    assert ops("GET", f"/{product_id}/images/{image_id}").status_code == 302
    assert ops("POST", f"/{product_id}/images", json=PNG).status_code == 201


@pytest.mark.parametrize("place", ["neverWas/images", "neverWas/images/i1", "a.b/images"])
def test_there_are_no_images_of_a_product_that_is_not_there(seller: Caller, place: str) -> None:
    refused(seller("GET", f"/{place}"), 404, "not-found")


# Uploads


def test_an_upload_joins_its_product_at_the_end(gallery: Gallery) -> None:
    before = gallery.seller.create(product_images=[FRONT])
    link = gallery.upload(before["id"])
    after = gallery.product(before["id"])
    assert after["product_images"] == [FRONT, link["source"]]
    assert after["images"][0] == before["images"][0]
    image = after["images"][1]
    assert image["original"] == {
        "media_type": "image/png",
        "width": WIDTH,
        "height": HEIGHT,
        "bytes": len(picture()),
        "frames": 1,
    }
    said = {name: image[name] for name in ("id", "source", "status", "attempts", "error")}
    own = {"id": link["image_id"], "source": link["source"]}
    assert said == own | {"status": "done", "attempts": 1, "error": ""}
    assert after["compressed_product_images"] == [None, image["renditions"][0]["url"]]
    assert after["version"] == 2
    assert after["updated_at"] > before["updated_at"]


def test_anybody_can_look_at_renditions_and_keep_them(finished: tuple[Gallery, str]) -> None:
    gallery, product_id = finished
    renditions = gallery.product(product_id)["images"][1]["renditions"]
    assert renditions[0]["name"] == "large"
    for rendition in renditions:
        answer = httpx.get(rendition["url"]).raise_for_status()
        assert answer.headers["content-type"] == rendition["media_type"]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(answer.content) == rendition["bytes"]
        assert Image.open(io.BytesIO(answer.content)).size == (rendition["width"], rendition["height"])
        assert rendition["saving"] == round(1 - len(answer.content) / len(picture()), 3)


def test_an_upload_that_is_no_image_does_not_join_its_product(gallery: Gallery, product_id: str) -> None:
    gallery.upload(product_id, b"<html>Not an image.")
    assert gallery.product(product_id)["version"] == 1
    (state,) = gallery.states(product_id)
    assert (state["status"], state["position"]) == ("failed", None)
    assert state["error"]


def test_an_upload_joins_a_product_from_before_there_were_images(
    gallery: Gallery, database: Client, product_id: str
) -> None:
    document = database.collection("products").document(product_id)
    old = {"product_images": [FRONT], "compressed_product_images": [], "images": DELETE_FIELD}
    document.update(old)
    gallery.upload(product_id)
    product = document.get().to_dict() or {}
    assert [image["status"] for image in product["images"]] == ["pending", "done"]
    assert product["product_images"][0] == FRONT
    assert product["compressed_product_images"][0] is None


def test_no_more_uploads_begin_than_can_join_the_product(gallery: Gallery) -> None:
    urls = [f"https://img.example/{place}.jpg" for place in range(MAX_IMAGES - 1)]
    product_id = gallery.seller.create(product_images=urls)["id"]
    gallery.link(product_id)
    answer = gallery.seller("POST", f"/{product_id}/images", json=PNG)
    refused(answer, 409, "too-many-images")


def test_an_upload_whose_place_was_taken_does_not_join_and_leaves_nothing_but_itself(
    gallery: Gallery, system: LocalCloud
) -> None:
    urls = [f"https://img.example/{place}.jpg" for place in range(MAX_IMAGES)]
    product_id = gallery.seller.create(product_images=urls[1:])["id"]
    link = gallery.link(product_id)
    gallery.seller("PATCH", f"/{product_id}", json={"product_images": urls}).raise_for_status()
    httpx.put(link["url"], headers=link["headers"], content=picture()).raise_for_status()
    gallery.settle()
    product = gallery.product(product_id)
    assert (len(product["images"]), product["version"]) == (MAX_IMAGES, 2)
    (upload,) = [state for state in gallery.states(product_id) if state["uploaded"]]
    assert (upload["status"], upload["position"]) == ("failed", None)
    assert str(MAX_IMAGES) in upload["error"]
    assert not list(bucket(system, "IMAGES_BUCKET").list_blobs(prefix=f"products/{product_id}/"))


def test_the_original_is_for_who_may_see_the_product(finished: tuple[Gallery, str]) -> None:
    gallery, product_id = finished
    answer = gallery.seller("GET", f"/{product_id}/images/{ids(gallery.product(product_id))[1]}")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "private, no-cache")
    original = httpx.get(answer.headers["location"]).raise_for_status()
    assert (original.content, original.headers["content-type"]) == (picture(), "image/png")
    bare, _, _ = answer.headers["location"].partition("?")
    assert httpx.get(bare).status_code == 403


def test_the_original_of_another_product_is_not_this_ones(
    gallery: Gallery, product_id: str, finished: tuple[Gallery, str]
) -> None:
    theirs = ids(finished[0].product(finished[1]))[1]
    awaited = gallery.link(product_id)["image_id"]
    for image_id in (theirs, awaited, "neverWas"):
        refused(gallery.seller("GET", f"/{product_id}/images/{image_id}"), 404, "not-found")


# What is said of images


def test_states_tell_of_what_is_shown_in_order_and_then_of_what_may_come(gallery: Gallery) -> None:
    product = gallery.seller.create(product_images=[FRONT, BACK, FRONT])
    link = gallery.link(product["id"])
    own = {"attempts": 0, "error": ""}
    fetched = own | {"uploaded": False, "status": "pending"}
    front, back, _ = ids(product)
    assert gallery.states(product["id"]) == [
        fetched | {"id": front, "source": FRONT, "position": 0},
        fetched | {"id": back, "source": BACK, "position": 1},
        own
        | {
            "id": link["image_id"],
            "source": link["source"],
            "uploaded": True,
            "status": "awaiting",
            "position": None,
        },
    ]


def test_an_image_that_is_done_is_a_new_version(gallery: Gallery) -> None:
    product = gallery.seller.create(product_images=[gallery.url(1)])
    path, old = f"/{product['id']}", {"If-None-Match": '"1"'}
    assert gallery.seller("GET", path, headers=old).status_code == 304
    gallery.fetch(product["id"])
    found = gallery.seller("GET", path, headers=old)
    assert (found.status_code, found.headers["etag"]) == (200, '"2"')
    (image,) = found.json()["images"]
    assert (image["id"], image["status"], image["attempts"]) == (ids(product)[0], "done", 1)
    assert image["original"]["media_type"] == "image/jpeg"
    refused(gallery.seller("PATCH", path, json={}, headers={"If-Match": '"1"'}), 412, "version-moved")


def test_a_list_shows_what_was_made_and_no_more(finished: tuple[Gallery, str]) -> None:
    gallery, product_id = finished
    (listed,) = gallery.seller("GET").raise_for_status().json()["products"]
    product = gallery.product(product_id)
    assert listed["compressed_product_images"] == product["compressed_product_images"]
    assert "images" not in listed


# Where images may come from


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_plain_http_is_for_trusted_servers(gallery: Gallery, product_id: str, method: str) -> None:
    refuse = [FRONT, "http://img.example/a.jpg", gallery.url(1), f"{gallery.system.base_url}/x.jpg"]
    path = "" if method == "POST" else f"/{product_id}"
    answer = gallery.seller(method, path, json=content(product_images=refuse))
    refused(answer, 422, "validation-failed", "product_images[1]", "product_images[3]")
    accepted = content(product_images=[FRONT, gallery.url(1)])
    assert gallery.seller(method, path, json=accepted).is_success


def test_a_url_is_kept_as_a_normal_one(seller: Caller, product_id: str) -> None:
    answer = seller("PATCH", f"/{product_id}", json={"product_images": ["https://B.example"]})
    product = answer.json()
    assert product["product_images"] == ["https://b.example/"]
    assert product["images"][0]["source"] == "https://b.example/"


# What a change does to images


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_images_that_stay_keep_what_they_are_wherever_they_stand(gallery: Gallery, method: str) -> None:
    product_id = gallery.seller.create(product_images=[FRONT, BACK])["id"]
    upload = gallery.upload(product_id)
    before = gallery.product(product_id)
    front, _, uploaded = before["images"]
    sent = content(product_images=[upload["source"], SIDE, FRONT])
    after = gallery.seller(method, f"/{product_id}", json=sent).raise_for_status().json()
    assert (after["images"][0], after["images"][2]) == (uploaded, front)
    assert after["images"][1]["id"] not in ids(before)
    compressed = uploaded["renditions"][0]["url"]
    assert after["compressed_product_images"] == [compressed, None, None]
    gallery.settle()
    assert [(state["id"], state["status"]) for state in gallery.states(product_id)] == [
        (upload["image_id"], "done"),
        (ids(after)[1], "pending"),
        (front["id"], "pending"),
    ]


def test_a_patch_that_does_not_speak_of_images_leaves_them_alone(gallery: Gallery, product_id: str) -> None:
    gallery.upload(product_id)
    before = gallery.product(product_id)
    sent = gallery.seller("PATCH", f"/{product_id}", json={"product_name": "Wool"})
    after = sent.raise_for_status().json()
    for member in ("images", "product_images", "compressed_product_images"):
        assert after[member] == before[member]


def test_a_url_that_comes_twice_is_one_image_in_two_places(gallery: Gallery) -> None:
    url = gallery.url(2)
    product = gallery.seller.create(product_images=[url, url])
    assert len(set(ids(product))) == 1
    assert len(gallery.tasks(product["id"])) == 1
    gallery.fetch(product["id"])
    first, second = gallery.product(product["id"])["compressed_product_images"]
    assert first == second is not None
    (state,) = gallery.states(product["id"])
    assert state["position"] == 0


def test_a_url_that_is_taken_out_and_put_in_again_is_a_new_image(gallery: Gallery) -> None:
    url = gallery.url(3)
    before = gallery.seller.create(product_images=[url])
    gallery.fetch(before["id"])
    compressed = gallery.product(before["id"])["compressed_product_images"][0]
    for urls in ([], [url]):
        answer = gallery.seller("PATCH", f"/{before['id']}", json={"product_images": urls})
        answer.raise_for_status()
    gallery.fetch(before["id"])
    after = gallery.product(before["id"])
    assert ids(after) != ids(before)
    assert after["images"][0]["status"] == "done"
    assert httpx.get(compressed).status_code == 404
    assert httpx.get(after["compressed_product_images"][0]).status_code == 200


def test_an_upload_that_is_taken_out_is_gone_for_good(gallery: Gallery, product_id: str) -> None:
    """Its URL leads to nothing any more that could be fetched."""
    upload = gallery.upload(product_id)
    gallery.seller("PATCH", f"/{product_id}", json={"product_images": []}).raise_for_status()
    gallery.settle()
    answer = gallery.seller("PATCH", f"/{product_id}", json={"product_images": [upload["source"]]})
    refused(answer, 422, "validation-failed", "product_images[0]")


@pytest.mark.parametrize("how", ["PATCH", "PUT", "DELETE"])
def test_files_go_with_the_image_that_they_are_of(gallery: Gallery, product_id: str, how: str) -> None:
    upload = gallery.upload(product_id)
    original = gallery.seller("GET", f"/{product_id}/images/{upload['image_id']}").headers["location"]
    renditions = [each["url"] for each in gallery.product(product_id)["images"][0]["renditions"]]
    body = None if how == "DELETE" else content(product_images=[FRONT])
    assert gallery.seller(how, f"/{product_id}", json=body).is_success
    gallery.settle()
    assert {httpx.get(url).status_code for url in [original, *renditions]} == {404}
    if how == "DELETE":
        refused(gallery.seller("GET", f"/{product_id}/images"), 404, "not-found")
    else:
        assert [state["source"] for state in gallery.states(product_id)] == [FRONT]
