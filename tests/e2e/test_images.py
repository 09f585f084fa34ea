"""Images from a seller's link or upload to a shopper's browser, over HTTP as on ``make run``."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from google.cloud import storage
from PIL import Image

from tests.e2e.gallery import Gallery, taken_at_home
from tests.e2e.harness import LocalCloud

_ARTIST, _COPYRIGHT = 0x013B, 0x8298
# Longer than an image waits for its first attempt, and a sweep in it.
_SWEEP_SECONDS = 300
_NIGHT = "/_local/schedules/imageOrphanSweeper:run"


@pytest.fixture(scope="module")
def gallery(system: LocalCloud) -> Gallery:
    return Gallery(system.wait_out_schedules())


@pytest.fixture
def calm(gallery: Gallery) -> Iterator[Gallery]:
    """Without the faults of the test before."""
    yield gallery
    gallery.shop.set_faults()


def opened(url: str) -> Image.Image:
    """The picture at a URL, whole, as anybody's browser gets it."""
    answer = httpx.get(url).raise_for_status()
    assert "immutable" in answer.headers["Cache-Control"]
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    assert answer.headers["Content-Type"] == Image.MIME[picture.format or ""]
    return picture


def check_shown(product: dict[str, Any]) -> None:
    """See that every file of a product's images is what the product says of it."""
    for image, source, url in zip(
        *(product["images"], product["product_images"], product["compressed_product_images"]), strict=True
    ):
        assert (image["source"], image["status"]) == (source, "done")
        assert url == image["renditions"][0]["url"]
        for rendition in image["renditions"]:
            picture = opened(rendition["url"])
            assert picture.size == (rendition["width"], rendition["height"])
            assert Image.MIME[picture.format or ""] == rendition["media_type"]
            assert set(picture.getexif()) <= {_ARTIST, _COPYRIGHT}
            assert rendition["bytes"] < image["original"]["bytes"]


def test_links_and_an_upload_are_shown_in_order_and_open(gallery: Gallery) -> None:
    urls = [
        gallery.at(f"photo-{n}.{form}", width=n * 300, height=240) for n, form in ((6, "jpg"), (2, "png"))
    ]
    urls.append(gallery.at("redirect.jpg"))
    product_id = gallery.shop.create(product_images=urls)
    link = gallery.link(product_id)
    assert gallery.send(link, taken_at_home(400, 300)).status_code == 200
    product = gallery.product(product_id)
    assert product["product_images"] == [*urls, link["source"]]
    check_shown(product)
    large = {rendition["name"]: rendition for rendition in product["images"][0]["renditions"]}
    assert (large["large"]["width"], large["thumb"]["width"]) == (1600, 320)
    kept = opened(product["compressed_product_images"][3]).getexif()
    assert (kept[_ARTIST], kept[_COPYRIGHT]) == ("Ann", "Ann & Co")
    upload = product["images"][3]
    assert (upload["original"]["width"], upload["renditions"][0]["height"]) == (300, 400)
    assert gallery.letters(product_id) == {}


def test_bad_images_end_as_one_dead_letter_each_and_hold_nobody_up(gallery: Gallery) -> None:
    names = ["missing.jpg", "bomb.png", "page.jpg", "truncated.jpg", "photo-1.jpg"]
    product_id = gallery.shop.create(product_images=[gallery.at(name) for name in names])
    product = gallery.product(product_id)
    entries = dict(zip(names, product["images"], strict=True))
    assert [entry["status"] for entry in product["images"]] == ["failed"] * 4 + ["done"]
    assert product["compressed_product_images"][:4] == [None] * 4
    letters = gallery.letters(product_id)
    reasons = {name: letters.pop(entry["id"])["error"] for name, entry in entries.items() if entry["error"]}
    assert not letters
    assert reasons == {name: entries[name]["error"] for name in names[:4]}
    for name, reason in zip(names, ("404", "pixels", "HTML", "damaged"), strict=False):
        assert reason in reasons[name]


def test_an_image_that_failed_is_tried_again_by_an_operator(gallery: Gallery) -> None:
    # As often as a fetch is tried.
    product_id = gallery.shop.create(product_images=[gallery.at("flaky.jpg", times=6, width=40, height=30)])
    for _ in range(6):
        gallery.shop.advance(300)
    (letter,) = gallery.letters(product_id).values()
    assert letter["attempts"] == 6
    gallery.shop.replay(letter["id"])
    check_shown(gallery.product(product_id))
    assert gallery.letters(product_id) == {}


def test_what_is_taken_out_leaves_no_files(gallery: Gallery) -> None:
    urls = [gallery.at(f"photo-{number}.jpg", width=40, height=30) for number in (1, 2)]
    product_id = gallery.shop.create(product_images=urls)
    before = gallery.product(product_id)
    assert len(gallery.originals(product_id)) == 2
    gallery.arrange(product_id, urls[1:])
    after = gallery.product(product_id)
    assert after["images"] == before["images"][1:]
    check_shown(after)
    (kept,) = gallery.originals(product_id)
    assert kept.endswith(after["images"][0]["id"])
    assert all(name.startswith(f"{kept}/") for name in gallery.renditions(product_id))
    gallery.shop.ask("DELETE", f"/{product_id}").raise_for_status()
    gallery.shop.idle()
    assert not gallery.originals(product_id) | gallery.renditions(product_id)


def test_a_kill_in_the_middle_of_a_compression_changes_nothing(calm: Gallery) -> None:
    product_id = calm.shop.create()
    link = calm.link(product_id)
    calm.shop.idle()
    (before,) = psutil.Process(calm.cloud.process.pid).children()
    # Whatever is delivered dies, at some moment of it.
    calm.shop.set_faults(functions={"crash_rate": 1.0})
    calm.send(link, taken_at_home(3000, 2000)).raise_for_status()
    assert calm.product(product_id)["images"] == []
    assert not before.is_running()
    calm.shop.set_faults()
    # Until the event comes again, and the claim of who was killed is over.
    for _ in range(4):
        calm.shop.advance(60)
    product = calm.product(product_id)
    check_shown(product)
    assert calm.renditions(product_id) == {_name(each) for each in product["images"][0]["renditions"]}
    assert calm.letters(product_id) == {}


def test_what_was_never_enqueued_is_made_good_by_the_next_sweep(calm: Gallery) -> None:
    calm.shop.set_faults(create_error_rate=1.0)
    product_id = calm.shop.create(product_images=[calm.at("photo-1.jpg", width=40, height=30)])
    assert calm.product(product_id)["images"][0]["status"] == "pending"
    calm.shop.set_faults()
    calm.shop.advance(_SWEEP_SECONDS)
    check_shown(calm.product(product_id))
    calm.shop.set_faults(create_error_rate=1.0)
    calm.shop.ask("DELETE", f"/{product_id}").raise_for_status()
    calm.shop.idle()
    assert calm.originals(product_id)
    calm.shop.set_faults()
    calm.shop.advance(_SWEEP_SECONDS)
    assert not calm.originals(product_id) | calm.renditions(product_id)


def test_orphans_go_in_the_night_and_nothing_else(calm: Gallery) -> None:
    product_id = calm.shop.create(product_images=[calm.at("photo-1.jpg", width=40, height=30)])
    (shown,) = calm.product(product_id)["images"]
    original = f"products/{product_id}/{shown['id']}"
    foreign = {"logo.png", "products/readme.txt", "backup/1/2/3"}
    # Nobody is told of them; they are as old as what is shown.
    calm.shop.set_faults(events={"error_rate": 1.0})
    _plant(calm.uploads, f"products/{product_id}/gone", *foreign)
    _plant(calm.images, f"products/{product_id}/gone/1-a.webp", f"{original}/1-old.webp", *foreign)
    files = calm.originals(product_id) | calm.renditions(product_id)
    calm.shop.told("POST", _NIGHT)
    assert files == calm.originals(product_id) | calm.renditions(product_id), "too young to be orphans"
    calm.shop.advance(2 * 86_400)
    assert calm.originals(product_id) == {original}
    assert calm.renditions(product_id) == {_name(each) for each in shown["renditions"]}
    for bucket in (calm.uploads, calm.images):
        assert foreign <= {blob.name for blob in bucket.list_blobs()}
    check_shown(calm.product(product_id))


def _plant(bucket: storage.Bucket, *names: str) -> None:
    for name in names:
        bucket.blob(name).upload_from_string(b"left behind")


def _name(rendition: dict[str, Any]) -> str:
    return str(rendition["url"]).partition("/_local/images/")[2]


def test_a_restart_keeps_what_is_shown(gallery: Gallery) -> None:
    """The last one here: the local cloud of the tests before is stopped."""
    product_id = gallery.shop.create(product_images=[gallery.at("photo-1.jpg", width=40, height=30)])
    before = gallery.product(product_id)
    gallery.cloud.stop()
    second = gallery.cloud.restarted()
    try:
        assert Gallery(second.wait_for("ready")).product(product_id) == before
        check_shown(before)
    finally:
        second.stop()
