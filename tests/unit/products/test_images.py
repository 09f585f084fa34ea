"""Which images stay, come and go when a seller changes a product, and from where they may come."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.products.images import AllowedSources, Arrangement, arranged
from shared.images import Entry, new_entry
from shared.problems import Problem

_urls = st.lists(st.sampled_from([f"https://img.example/{name}" for name in "abcde"]), max_size=8)


def arrange(before: list[Entry], urls: list[str]) -> Arrangement:
    """With ids that ``before`` does not have."""
    numbers = count(len(before))
    return arranged(before, urls, lambda: f"i{next(numbers)}")


def entries(urls: list[str]) -> list[Entry]:
    """Images at these places, as an arrangement leaves them, and all of them done."""
    images: list[Entry] = arrange([], urls).fields["images"]
    return [image | {"status": "done", "renditions": [{"url": image["id"]}]} for image in images]


def ids(images: Any) -> list[str]:
    return [image["id"] for image in images]


@given(_urls, _urls)
def test_images_are_where_their_urls_are(before: list[str], urls: list[str]) -> None:
    fields = arrange(entries(before), urls).fields
    assert fields["product_images"] == urls
    assert [image["source"] for image in fields["images"]] == urls


@given(_urls, _urls)
def test_an_image_that_stays_is_what_it_was(before: list[str], urls: list[str]) -> None:
    known = {image["source"]: image for image in entries(before)}
    fields = arrange(entries(before), urls).fields
    for image, compressed in zip(fields["images"], fields["compressed_product_images"], strict=True):
        was = known.get(image["source"])
        assert image == (was or new_entry(image["id"], image["source"]))
        assert compressed == (was["id"] if was else None)


@given(_urls, _urls)
def test_each_url_is_one_image_and_each_image_comes_and_goes_once(before: list[str], urls: list[str]) -> None:
    had = entries(before)
    images = arrange(had, urls)
    now = images.fields["images"]
    assert len(set(ids(now))) == len(set(urls))
    assert sorted(ids(images.added)) == sorted(set(ids(now)) - set(ids(had)))
    assert sorted(images.removed) == sorted(set(ids(had)) - set(ids(now)))


def test_what_comes_and_goes_does_so_in_order() -> None:
    images = arrange(
        entries(["https://a", "https://b", "https://c"]), ["https://e", "https://b", "https://d"]
    )
    assert [image["source"] for image in images.added] == ["https://e", "https://d"]
    assert images.removed == ["i0", "i2"]


SOURCES = AllowedSources(["http://127.0.0.1:8080/_local/pictures/"], own="https://shop.example/products")
TRUSTED = "http://127.0.0.1:8080/_local/pictures/a.jpg"


def refused_places(before: list[str], urls: list[str]) -> list[str]:
    with pytest.raises(Problem) as caught:
        SOURCES.require(arrange(entries(before), urls), urls)
    assert caught.value.status == 422
    return [error["field"] for error in caught.value.errors]


def test_any_https_url_and_what_is_trusted_may_come() -> None:
    urls = ["https://img.example/a", TRUSTED, "https://127.0.0.1/"]
    SOURCES.require(arrange([], urls), urls)


@pytest.mark.parametrize(
    "url",
    [
        "http://img.example/a.jpg",
        "http://127.0.0.1:8080/_local/tasks",
        "http://127.0.0.1:8080/_local/pictures",
        "http://127.0.0.1:80801/_local/pictures/a.jpg",
        "ftp://img.example/a.jpg",
        "https://img.example:8443/a.jpg",
        "https://shop.example/products/p2/images/i9",
    ],
)
def test_every_place_of_another_url_is_named(url: str) -> None:
    assert refused_places([], [url, TRUSTED, url]) == ["product_images[0]", "product_images[2]"]


def test_what_a_product_has_already_may_stay() -> None:
    """Uploads, whose URLs are ours; and rules may have become stricter."""
    upload = "http://127.0.0.1:8080/products/p1/images/i1"
    SOURCES.require(arrange(entries([upload]), [upload]), [upload])
    assert refused_places([upload], [upload, f"{upload}2"]) == ["product_images[1]"]
