"""Files that are broken, odd, or meant to harm: rendered right, or refused for a named reason."""

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from functions.images.rendering import POLICY, ImageRefusedError, Policy, render
from functions.images.rendering.policy import Size
from tests.unit.images.rendering.examples import (
    HEIC,
    a_cutout,
    a_picture,
    a_png,
    a_png_chunk,
    opened,
    saved,
)

SMALL = Policy(sizes=(Size("large", 32, ("webp", "jpeg")), Size("thumb", 16, ("webp",))))
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"]
SAMPLES = [
    *(saved(a_picture(), format_) for format_ in FORMATS),
    saved(a_picture(), "JPEG", progressive=True, comment=b"by Ann"),
    saved(a_picture().convert("CMYK"), "JPEG"),
    saved(a_cutout(), "PNG"),
    saved(a_cutout(), "WEBP", lossless=True),
    saved(a_picture(), "TIFF", compression="tiff_lzw"),
    saved(
        a_picture(), "GIF", save_all=True, append_images=[a_picture().transpose(Image.Transpose.ROTATE_180)]
    ),
    HEIC,
]


def a_bomb() -> bytes:
    """20 MB of zeros for one pixel."""
    return a_png(1, 1, zlib.compress(bytes(20_000_000)))


def a_text_bomb(kind: bytes, start: bytes) -> bytes:
    return a_png(1, 1, zlib.compress(bytes(2)), a_png_chunk(kind, start + zlib.compress(bytes(30_000_000))))


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("nothing", lambda: b"", "empty"),
    ("zero bytes", lambda: bytes(1_000), "not-an-image"),
    ("text", lambda: b"hello", "not-an-image"),
    ("HTML as JPEG", lambda: b"<!DOCTYPE html><script>alert(1)</script>", "not-an-image"),
    ("SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not-an-image"),
    ("PDF", lambda: b"%PDF-1.7\n", "not-an-image"),
    ("ZIP", lambda: b"PK\x03\x04" + bytes(100), "not-an-image"),
    ("BMP", lambda: saved(a_picture(), "BMP"), "not-an-image"),
    ("ICO", lambda: saved(a_picture(), "ICO"), "not-an-image"),
    ("EPS", lambda: saved(a_picture(), "EPS"), "not-an-image"),
    ("a head alone", lambda: b"\xff\xd8\xff\xe0", "damaged"),
    ("30,000 x 30,000", lambda: a_png(30_000, 30_000, zlib.compress(bytes(1_000))), "too-many-pixels"),
    ("8,000 x 8,000", lambda: a_png(8_000, 8_000, zlib.compress(bytes(1_000))), "too-many-pixels"),
    ("as large as a number can be", lambda: a_png(2**31 - 1, 2**31 - 1, b""), "too-many-pixels"),
    ("no pixels", lambda: a_png(0, 0, b""), "damaged"),
    ("a bomb of text", lambda: a_text_bomb(b"zTXt", b"Comment\0\0"), "damaged"),
    ("a bomb of a profile", lambda: a_text_bomb(b"iCCP", b"profile\0\0"), "damaged"),
    ("too large a file", lambda: saved(a_picture(), "JPEG") + bytes(POLICY.max_bytes), "too-many-bytes"),
    *((f"half a {name}", lambda name=name: halved(saved(a_picture(), name)), "damaged") for name in FORMATS),
]


def halved(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("make", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_rendered_is_refused_by_name(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        render(make())
    assert caught.value.reason == reason
    assert str(caught.value).endswith(".")


ACCEPTED: list[tuple[str, Callable[[], bytes], tuple[int, int]]] = [
    ("JPEG and ZIP at once", lambda: saved(a_picture(), "JPEG") + b"PK\x03\x04" + bytes(100), (96, 64)),
    ("GIF and script at once", lambda: saved(a_picture(), "GIF") + b"*/=1;alert(1)", (96, 64)),
    ("a bomb of pixels", a_bomb, (1, 1)),
    ("one row", lambda: saved(Image.new("RGB", (40_000, 1), "red"), "PNG"), (1600, 1)),
    ("one column", lambda: saved(Image.new("L", (1, 40_000)), "PNG"), (1, 1600)),
    ("one pixel", lambda: saved(Image.new("1", (1, 1)), "PNG"), (1, 1)),
    ("one bit a pixel", lambda: saved(Image.new("1", (5_000, 5_000)), "PNG"), (1600, 1600)),
]


@pytest.mark.parametrize(
    ("make", "size"), [case[1:] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED]
)
def test_what_is_odd_is_rendered(make: Callable[[], bytes], size: tuple[int, int]) -> None:
    found = [opened(each.data) for each in render(make()).renditions]
    assert found[0].size == size


@pytest.mark.parametrize("hidden", [b"PK\x03\x04hidden", b"<script>hidden</script>"])
def test_what_hides_in_a_file_is_not_published(hidden: bytes) -> None:
    original = saved(a_picture(), "JPEG", comment=hidden) + hidden
    assert all(b"hidden" not in each.data for each in render(original).renditions)


def rendered_or_refused(data: bytes) -> None:
    try:
        renditions = render(data, SMALL).renditions
    except ImageRefusedError:
        return
    assert renditions
    assert max(renditions[0].width, renditions[0].height) <= 32


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.floats(0, 1))
def test_any_beginning_of_a_file_is_rendered_or_refused(data: bytes, part: float) -> None:
    rendered_or_refused(data[: int(len(data) * part)])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_any_flipped_bytes_are_rendered_or_refused(data: bytes, flips: list[tuple[float, int]]) -> None:
    changed = bytearray(data)
    for part, value in flips:
        changed[int(len(data) * part)] = value
    rendered_or_refused(bytes(changed))
