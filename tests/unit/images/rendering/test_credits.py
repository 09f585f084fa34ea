"""Who made a picture and whose it is stays in its renditions; all other metadata goes."""

import struct

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from functions.images.rendering import render
from tests.unit.images.rendering.examples import a_picture, opened, saved

ARTIST, COPYRIGHT, MAKE, GPS = 0x013B, 0x8298, 0x010F, 0x8825


def kept(original: bytes) -> list[dict[int, str]]:
    """The EXIF of each rendition, with its text as UTF-8."""
    renditions = [opened(each.data) for each in render(original).renditions]
    return [
        {tag: text.encode("latin-1").decode() for tag, text in image.getexif().items()}
        for image in renditions
    ]


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_creator_and_copyright_are_kept_of_exif(format_: str) -> None:
    exif = Image.Exif()
    exif[ARTIST], exif[COPYRIGHT], exif[MAKE] = "Ann", "(c) 2026 Ann", "Camera"
    exif.get_ifd(GPS)[1] = "N"
    original = saved(a_picture(), format_, exif=exif)
    assert all(found == {ARTIST: "Ann", COPYRIGHT: "(c) 2026 Ann"} for found in kept(original))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_names_keep_their_letters(encoding: str) -> None:
    original = saved(a_picture(), "JPEG", exif=exif_of("© Zoë Müller".encode(encoding)))
    assert kept(original)[0] == {COPYRIGHT: "© Zoë Müller"}


def exif_of(text: bytes) -> bytes:
    """With a copyright notice, in big-endian order, as nobody here writes it."""
    return b"Exif\0\0MM\0*" + struct.pack(">LHHHLLL", 8, 1, COPYRIGHT, 2, len(text), 26, 0) + text


def test_they_are_kept_of_iptc() -> None:
    original = saved(a_picture(), "JPEG")
    fields = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, 3) + text for number, text in ((80, b"Ann"), (116, b"Bob"))
    )
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(fields)) + fields
    block = b"Photoshop 3.0\0" + resource
    original = original[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + original[2:]
    assert kept(original)[0] == {ARTIST: "Ann", COPYRIGHT: "Bob"}


def test_they_are_kept_of_the_texts_of_a_png() -> None:
    texts = PngInfo()
    texts.add_text("Author", "Ann")
    texts.add_itxt("Copyright", "© Bob")
    texts.add_text("Comment", "at home")
    assert kept(saved(a_picture(), "PNG", pnginfo=texts))[0] == {ARTIST: "Ann", COPYRIGHT: "© Bob"}


@pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", exif_of(b"")])
def test_broken_metadata_counts_as_none(exif: bytes) -> None:
    assert kept(saved(a_picture(), "JPEG", exif=exif))[0] == {}


def test_a_notice_without_end_is_cut() -> None:
    assert kept(saved(a_picture(), "JPEG", exif=exif_of(b"x" * 9_999)))[0] == {COPYRIGHT: "x" * 500}
