"""Which renditions an original gets."""

from dataclasses import replace

import pytest

from functions.images.rendering import Policy, Rendered, Rendition, render
from functions.images.rendering.policy import Size
from tests.unit.images.rendering.examples import (
    HEIC,
    a_cutout,
    a_dot,
    a_picture,
    noise,
    opened,
    saved,
    shown,
)

SMALL = Policy(
    sizes=(Size("large", 64, ("webp", "jpeg")), Size("medium", 32, ("webp",)), Size("thumb", 16, ("webp",)))
)

LAVISH = Policy(sizes=(Size("large", 1600, ("webp",)),), qualities={"webp": (100,)})


def told(rendered: Rendered) -> list[tuple[str, str, int, int]]:
    return [(each.name, each.format, each.width, each.height) for each in rendered.renditions]


def is_itself(renditions: tuple[Rendition, ...], original: bytes) -> bool:
    return [(each.name, each.data) for each in renditions] == [("large", original)]


def test_each_size_is_made_in_its_formats() -> None:
    rendered = render(saved(a_picture(2000, 1000), "JPEG", quality=90))
    assert told(rendered) == [
        ("large", "webp", 1600, 800),
        ("large", "jpeg", 1600, 800),
        ("medium", "webp", 800, 400),
        ("thumb", "webp", 320, 160),
    ]
    assert (rendered.media_type, rendered.width, rendered.height, rendered.frames) == (
        "image/jpeg",
        2000,
        1000,
        1,
    )


def test_a_rendition_is_what_it_says() -> None:
    for each in render(saved(a_picture(), "PNG"), SMALL).renditions:
        image = opened(each.data)
        assert (image.format or "").lower() == each.format
        assert image.get_format_mimetype() == each.media_type
        assert image.size == (each.width, each.height)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_every_format_is_taken_by_its_bytes(format_: str) -> None:
    rendered = render(saved(a_picture(), format_), SMALL)
    assert rendered.media_type == f"image/{format_.lower()}"
    assert {name for name, _, _, _ in told(rendered)} == {"large", "medium", "thumb"}


def test_heic_is_taken() -> None:
    rendered = render(HEIC, SMALL)
    assert (rendered.media_type, rendered.width, rendered.height) == ("image/heic", 64, 48)


def test_the_same_bytes_give_the_same_bytes() -> None:
    original = saved(a_cutout(), "PNG")
    assert render(original, SMALL) == render(original, SMALL)


def test_sizes_that_come_out_equal_share_one_encoding() -> None:
    small, *others = [each for each in render(saved(a_picture(), "PNG")).renditions if each.format == "webp"]
    assert [each.name for each in others] == ["medium", "thumb"]
    assert all(each.data is small.data for each in others)


def test_another_format_is_a_switch_of_the_policy() -> None:
    policy = replace(SMALL, sizes=(Size("large", 64, ("avif",)),))
    (rendition,) = render(saved(a_picture(), "PNG"), policy).renditions
    assert rendition.media_type == "image/avif"
    assert opened(rendition.data).size == (64, 43)


def test_a_rendition_that_is_not_smaller_is_made_in_a_lower_quality() -> None:
    original = saved(a_picture(300, 200), "WEBP", quality=55)
    first = render(original).renditions[0]
    assert first.format == "webp"
    assert len(first.data) < len(original)


def test_a_rendition_that_cannot_be_smaller_is_left_out() -> None:
    original = saved(a_picture(300, 200), "WEBP", quality=70)
    assert "jpeg" not in {each.format for each in render(original).renditions}


def test_a_file_that_nothing_is_smaller_than_is_its_own_rendition() -> None:
    original = saved(a_dot(), "WEBP", lossless=True)
    assert is_itself(render(original).renditions, original)


def test_metadata_is_not_published_to_save_bytes() -> None:
    original = saved(noise(96, 64), "JPEG", quality=5, comment=b"at Ann's")
    (rendition,) = render(original, LAVISH).renditions
    assert len(rendition.data) > len(original)
    assert b"Ann" not in rendition.data


def test_what_browsers_do_not_show_is_made_showable_at_any_number_of_bytes() -> None:
    original = saved(noise(96, 64), "TIFF", compression="jpeg", quality=20)
    (rendition,) = render(original, LAVISH).renditions
    assert len(rendition.data) > len(original)
    assert rendition.media_type == "image/webp"


def test_a_drawing_is_kept_without_loss() -> None:
    drawing = a_picture(100, 100).quantize(8)
    found = shown(render(saved(drawing, "PNG")))
    assert found.convert("RGB").tobytes() == drawing.convert("RGB").tobytes()
