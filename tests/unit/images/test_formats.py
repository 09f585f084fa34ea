from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from functions.images.formats import HEAD_BYTES, media_type, stranger


def _ftyp(*brands: bytes) -> bytes:
    major, *compatible = brands
    content = b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    return (len(content) + 4).to_bytes(4, "big") + content + b"\0\0\0\x08meta"


@pytest.mark.parametrize(
    ("pillow_format", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
    ],
)
def test_what_an_encoder_writes_is_recognised(pillow_format: str, expected: str) -> None:
    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, pillow_format)
    assert media_type(file.getvalue()[:HEAD_BYTES]) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (_ftyp(b"heic", b"mif1"), "image/heic"),
        (_ftyp(b"mif1", b"mif1", b"heic"), "image/heic"),
        (_ftyp(b"mif1", b"miaf", b"avif"), "image/avif"),
        (_ftyp(b"mif1"), "image/heif"),
        (_ftyp(b"isom", b"mp42"), None),
        # A brand behind the end of the box is none.
        (_ftyp(b"isom")[:-4] + b"heic", None),
        (b"II+\0\x08\0\0\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"RIFF\x04\0\0\0WAVE", None),
    ],
)
def test_a_container_is_told_by_what_is_in_it(head: bytes, expected: str | None) -> None:
    assert media_type(head) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>", "an HTML page"),
        (b"<html lang='en'>", "an HTML page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- made by hand --><SVG>", "an SVG drawing"),
        (b"<?xml version='1.0'?><rss>", "an XML document"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\x1f\x8b\x08\0", "a gzip file"),
        (b"BM\x36\0", "of a kind unknown to us"),
    ],
)
def test_what_is_no_image_is_named(head: bytes, expected: str) -> None:
    assert (media_type(head), stranger(head)) == (None, expected)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | st.builds(lambda rest: b"\0\0\0\x18ftyp" + rest, st.binary(max_size=40)))
def test_whatever_comes_is_an_image_or_is_named(head: bytes) -> None:
    assert media_type(head) or stranger(head)
