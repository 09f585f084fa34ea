"""Photographs of nothing: made from a number, always the same, and as hard to compress as taken ones."""

import io
import random
from colorsys import hsv_to_rgb
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

Format = Literal["jpg", "png"]

# Cells along the longer side of each layer of clouds, with the share of the light that the layer gives.
_CLOUDS = ((3, 0.5), (9, 0.4), (40, 0.25), (250, 0.15))
_SHAPES = 12
_GRAIN = 0.06
_JPEG_QUALITY = 90
_KEPT = 32


@lru_cache(maxsize=_KEPT)
def photograph(seed: int, width: int, height: int, form: Format) -> bytes:
    """The file of the photograph ``seed``, ``width`` by ``height`` pixels: a JPEG, or a PNG with alpha."""
    dice = random.Random(seed)
    picture = _landscape(dice, (width, height))
    file = io.BytesIO()
    if form == "jpg":
        picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    else:
        picture.putalpha(_vignette((width, height)))
        picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _landscape(dice: random.Random, size: tuple[int, int]) -> "Image.Image":
    from PIL import Image, ImageOps  # here, so that the local cloud starts without it

    light = Image.new("L", size, 128)
    for cells, share in _CLOUDS:
        light = Image.blend(light, _noise(dice, size, cells), share)
    colours = [_colour(dice, brightness) for brightness in (0.15, 0.6, 1.0)]
    picture = ImageOps.colorize(ImageOps.autocontrast(light), colours[0], colours[2], colours[1])
    _draw_shapes(dice, picture)
    return Image.blend(picture, _noise(dice, size, max(size)).convert("RGB"), _GRAIN)


def _noise(dice: random.Random, size: tuple[int, int], cells: int) -> "Image.Image":
    """Random light in so many cells along the longer side, softly joined."""
    from PIL import Image

    grid = tuple(max(1, round(side * cells / max(size))) for side in size)
    values = Image.frombytes("L", (grid[0], grid[1]), dice.randbytes(grid[0] * grid[1]))
    return values if values.size == size else values.resize(size, Image.Resampling.BICUBIC)


def _draw_shapes(dice: random.Random, picture: "Image.Image") -> None:
    """Things with edges: what a resampling blurs and a codec rings at."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for number in range(_SHAPES):
        left, top = dice.uniform(-0.1, 0.9) * width, dice.uniform(-0.1, 0.9) * height
        across, down = dice.uniform(0.02, 0.3) * width, dice.uniform(0.02, 0.3) * height
        box, fill = (left, top, left + across, top + down), _colour(dice, dice.uniform(0.3, 1.0))
        (draw.ellipse if number % 2 else draw.rectangle)(box, fill=fill)


def _vignette(size: tuple[int, int]) -> "Image.Image":
    """Opaque in the middle, clear at the edges."""
    from PIL import Image, ImageOps

    return ImageOps.invert(Image.radial_gradient("L")).resize(size)


def _colour(dice: random.Random, brightness: float) -> tuple[int, int, int]:
    red, green, blue = hsv_to_rgb(dice.random(), dice.uniform(0.2, 0.8), brightness)
    return round(red * 255), round(green * 255), round(blue * 255)
