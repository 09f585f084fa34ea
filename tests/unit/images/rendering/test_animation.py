"""Animations stay animations."""

from typing import Any

import pytest
from PIL import Image

from functions.images.rendering import ImageRefusedError, Policy, Rendition, render
from functions.images.rendering.policy import Size
from tests.unit.images.rendering.examples import a_picture, close, colour, noise, opened, saved, shown

SMALL = Policy(sizes=(Size("large", 48, ("webp", "jpeg")), Size("thumb", 24, ("webp",))), max_frames=40)
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def an_animation(format_: str, frames: int = 3, **options: Any) -> bytes:
    """Of 96 x 64 pixels: a picture with a square that changes its colour."""
    first, *others = [a_frame(number) for number in range(frames)]
    options = {"duration": [100 + 10 * number for number in range(frames)], "loop": 0} | options
    return saved(first, format_, save_all=True, append_images=others, **options)


def a_frame(number: int) -> Image.Image:
    frame = a_picture()
    frame.paste(COLOURS[number % 3], (48, 16, 80, 48))
    return frame


def durations(image: Image.Image) -> list[int]:
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        found.append(image.info["duration"])
    return found


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP"])
def test_an_animation_keeps_its_frames_and_their_times(format_: str) -> None:
    rendered = render(an_animation(format_), SMALL)
    assert rendered.frames == 3
    for name, size in (("large", (48, 32)), ("thumb", (24, 16))):
        found = shown(rendered, name)
        assert found.size == size
        assert durations(found) == [100, 110, 120]
        for number, expected in enumerate(COLOURS):
            found.seek(number)
            assert close(colour(found, 0.66, 0.5)[:3], expected, 60)


def test_an_animation_of_40_frames_is_rendered() -> None:
    assert render(an_animation("GIF", 40), SMALL).frames == 40


@pytest.mark.parametrize(
    ("format_", "options", "plays"),
    [
        ("GIF", {"loop": 0}, 0),
        # Once more than it says: GIF counts the repetitions.
        ("GIF", {"loop": 2}, 3),
        ("GIF", {"loop": None}, 1),
        ("PNG", {"loop": 2}, 2),
        ("WEBP", {"loop": 2}, 2),
    ],
)
def test_an_animation_is_shown_as_often_as_before(format_: str, options: dict[str, Any], plays: int) -> None:
    assert shown(render(an_animation(format_, **options), SMALL)).info["loop"] == plays


def test_a_jpeg_shows_the_first_frame() -> None:
    found = shown(render(an_animation("GIF"), SMALL), format_="jpeg")
    assert close(colour(found, 0.66, 0.5), COLOURS[0], 60)


def test_transparency_moves_too() -> None:
    frames = [Image.new("RGBA", (96, 64)) for _ in COLOURS]
    for number, frame in enumerate(frames):
        frame.paste((*COLOURS[number], 255), (32 * number, 0, 32 * number + 32, 64))
    original = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, disposal=2)
    found = shown(render(original, SMALL))
    for number in range(3):
        found.seek(number)
        assert [colour(found, at, 0.5)[3] > 128 for at in (0.16, 0.5, 0.83)] == [
            number == at for at in range(3)
        ]


def test_an_animation_is_not_replaced_by_a_still_picture() -> None:
    first, second = (Image.new("L", (40, 40), grey) for grey in (0, 255))
    original = saved(first, "GIF", save_all=True, append_images=[second], duration=50)
    moving = [each for each in render(original, SMALL).renditions if each.format != "jpeg"]
    assert moving
    assert all(frames_of(each) == 2 for each in moving)


def snow(**options: Any) -> bytes:
    """Black and white dots without order: GIF needs a bit for each, WebP many."""
    frames = [noise(32, 32).convert("1").rotate(90 * number) for number in range(4)]
    first, *others = (frame.convert("L").quantize(2) for frame in frames)
    return saved(first, "GIF", save_all=True, append_images=others, duration=50, loop=0, **options)


def test_an_animation_that_nothing_is_smaller_than_is_its_own_rendition() -> None:
    assert render(snow()).renditions[0].data == snow()


def test_an_animation_with_a_comment_is_never_published_itself() -> None:
    assert all(b"Ann" not in each.data for each in render(snow(comment=b"by Ann")).renditions)


def frames_of(rendition: Rendition) -> int:
    return getattr(opened(rendition.data), "n_frames", 1)


@pytest.mark.parametrize(
    "policy",
    [Policy(max_frames=2), Policy(max_animation_pixels=3 * 96 * 64 - 1)],
    ids=["frames", "pixels"],
)
def test_an_animation_that_would_take_too_long_is_refused(policy: Policy) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        render(an_animation("GIF"), policy)
    assert caught.value.reason == "too-many-frames"


def test_an_animation_of_large_frames_is_refused() -> None:
    with pytest.raises(ImageRefusedError) as caught:
        render(an_animation("GIF"), Policy(max_frame_pixels=96 * 64 - 1))
    assert caught.value.reason == "too-many-pixels"


def test_the_pages_of_a_tiff_are_no_animation() -> None:
    assert render(saved(a_picture(), "TIFF", save_all=True, append_images=[a_picture()]), SMALL).frames == 1
