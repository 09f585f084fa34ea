"""What renditions look like, whatever an original's pixels are stored as."""

import pytest
from PIL import Image, ImageCms

from functions.images.rendering import ImageRefusedError, Policy, render
from functions.images.rendering.policy import Size
from tests.unit.images.rendering.examples import (
    a_cutout,
    a_picture,
    close,
    colour,
    large,
    saved,
    shown,
    waves,
)

CORNERS = [(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)]
TINY = Policy(sizes=(Size("large", 48, ("webp", "jpeg")),))
# Of EXIF: how the camera was held, and what has to be done to a picture so that this undoes it.
HELD = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def look_alike(found: Image.Image, expected: Image.Image, by: int = 14) -> bool:
    return all(close(colour(found, *at), colour(expected, *at), by) for at in CORNERS)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", HELD)
def test_a_turned_picture_is_put_upright(format_: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = a_picture().transpose(HELD[orientation])
    rendered = render(saved(held, format_, exif=exif), TINY)
    assert (rendered.width, rendered.height) == (96, 64)
    found = shown(rendered)
    assert found.size == (48, 32)
    assert look_alike(found, a_picture(48, 32), 24)
    assert 0x0112 not in found.getexif()


def test_a_large_turned_photograph_is_put_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    held = a_picture(1200, 800).transpose(Image.Transpose.ROTATE_90)
    found = shown(render(saved(held, "JPEG", exif=exif), TINY))
    assert look_alike(found, a_picture(48, 32), 24)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LAB", "YCbCr"])
def test_pixels_of_every_kind_look_the_same(mode: str) -> None:
    picture = a_picture().convert("L").point(lambda value: 0 if value < 128 else 255).convert("RGB")
    found = large(saved(picture.convert(mode), "TIFF"))
    assert look_alike(found, picture, 4)


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled(format_: str) -> None:
    grey = Image.new("I;16", (40, 40), 100 * 256)
    assert close(colour(large(saved(grey, format_)), 0.5, 0.5), (100, 100, 100), 2)


def test_cmyk_as_adobe_stores_it_is_not_inverted() -> None:
    # Pillow writes CMYK as Adobe does, inverted and marked.
    original = saved(a_picture().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in original
    assert look_alike(large(original), a_picture(), 12)


def test_an_embedded_profile_is_applied() -> None:
    profile = a_profile_without_curve()
    found = large(saved(Image.new("RGB", (40, 40), (55, 55, 55)), "PNG", icc_profile=profile))
    # 55 of 255 in linear light is 128 in sRGB.
    assert close(colour(found, 0.5, 0.5), (128, 128, 128), 4)
    assert "icc_profile" not in found.info


def test_a_profile_is_applied_beside_transparency() -> None:
    picture = Image.new("RGBA", (40, 40), (55, 55, 55, 255))
    picture.paste((55, 55, 55, 0), (0, 0, 20, 40))
    found = large(saved(picture, "PNG", icc_profile=a_profile_without_curve()))
    assert close(colour(found, 0.9, 0.5), (128, 128, 128, 255), 4)
    assert colour(found, 0.1, 0.5)[3] == 0


def a_profile_without_curve() -> bytes:
    """Of sRGB's primaries, in linear light: its three curves are set to gamma 1."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        at = profile.index(tag)
        start = int.from_bytes(profile[at + 4 : at + 8], "big")
        # A curve of no points is the identity (ICC.1:2022, 10.6).
        profile[start : start + 12] = b"curv\0\0\0\0\0\0\0\0"
    return bytes(profile).replace(b"s\0R\0G\0B", b"l\0i\0n\0e")


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize(
    "profile", [b"rubbish", b"\0" * 200, a_profile_without_curve()], ids=["rubbish", "empty", "of RGB"]
)
def test_a_profile_that_cannot_be_applied_is_ignored(mode: str, profile: bytes) -> None:
    original = saved(a_picture().convert(mode), "JPEG", quality=95, icc_profile=profile)
    assert look_alike(large(original), a_picture().convert(mode).convert("RGB"), 12)


def test_transparency_is_kept() -> None:
    found = large(saved(a_cutout(), "PNG"))
    assert look_alike(found, a_cutout(), 24)


@pytest.mark.parametrize(
    "cutout", [a_cutout().convert("LA"), a_cutout().quantize(200)], ids=["grey", "palette"]
)
def test_transparency_of_every_kind_is_kept(cutout: Image.Image) -> None:
    assert look_alike(large(saved(cutout, "PNG")), cutout.convert("RGBA"))


def test_one_transparent_colour_is_kept() -> None:
    picture = Image.new("RGB", (40, 40), (255, 0, 0))
    picture.paste((0, 255, 0), (0, 0, 20, 40))
    found = large(saved(picture, "PNG", transparency=(0, 255, 0)))
    assert colour(found, 0.1, 0.5)[3] == 0
    assert colour(found, 0.9, 0.5) == (255, 0, 0, 255)


def test_what_is_transparent_does_not_bleed() -> None:
    picture = Image.new("RGBA", (400, 400), (0, 255, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 203, 400))
    found = shown(render(saved(picture, "PNG"), TINY))
    visible = [pixel for pixel in pixels(found) if pixel[3] > 32]
    assert visible
    assert all(pixel[1] < 40 for pixel in visible)


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    return [
        colour(image, across / image.width, down / image.height)
        for across in range(image.width)
        for down in range(image.height)
    ]


def test_a_jpeg_is_flattened_on_white() -> None:
    cutout = a_cutout(400, 200)
    found = shown(render(saved(cutout, "PNG"), TINY), format_="jpeg")
    assert close(colour(found, 0.01, 0.5), (255, 255, 255))


def test_alpha_that_hides_nothing_is_dropped() -> None:
    picture = a_picture()
    picture.putalpha(255)
    assert large(saved(picture, "PNG")).mode == "RGB"


def test_photographs_are_sharp() -> None:
    """Each size within a level or two of one resize of the whole picture, which has waves of every length."""
    picture = waves(600, 400)
    policy = Policy(
        sizes=(Size("large", 300, ("webp",)), Size("thumb", 60, ("webp",))), qualities={"webp": (100,)}
    )
    found = shown(render(saved(picture, "PNG"), policy), "thumb").convert("L")
    expected = picture.resize((60, 40), Image.Resampling.LANCZOS).convert("L")
    differences = [abs(a - b) for a, b in zip(found.tobytes(), expected.tobytes(), strict=True)]
    assert sum(differences) / len(differences) < 3


def test_pixels_without_an_agreed_white_are_refused() -> None:
    with pytest.raises(ImageRefusedError) as caught:
        render(saved(Image.new("F", (4, 4)), "TIFF"))
    assert caught.value.reason == "unsupported-pixels"
