"""Which objects belong to an image."""

import pytest

from functions.images.buckets import Listed
from functions.images.orphans import image_id_of, is_original, is_rendition
from tests.unit.images.examples import NOW, an_image


@pytest.mark.parametrize("name", ["products/p1/i1", "products/p1/i1/7-abc.webp", "products/p1/i1/a/b"])
def test_what_is_below_an_images_name_is_of_that_image(name: str) -> None:
    assert image_id_of(name) == "i1"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "i1",
        "products",
        "products/p1",
        "products/p1/",
        "products//i1",
        "a/products/p1/i1",
        "products/p1/i.1",
    ],
)
def test_what_is_not_of_an_image_is_somebody_elses(name: str) -> None:
    assert image_id_of(name) is None


def test_an_original_belongs_to_an_image_in_any_state() -> None:
    original = Listed("products/p1/i1", 7, NOW)
    assert is_original(original, an_image(status="failed"))
    assert not is_original(original, None)


def test_a_rendition_belongs_to_the_image_that_shows_it() -> None:
    new, old = (Listed(f"products/p1/i1/{generation}-a.webp", 1, NOW) for generation in (8, 7))
    image = an_image(renditions=[new.name])
    assert is_rendition(new, image)
    assert not is_rendition(old, image)
    assert not is_rendition(new, None)
