"""Originals to render: photographs that are generated, the same ones each time.

They are dead leaves, as the targets are that test cameras' texture (ISO/TS 19567-2): shapes of every size that hide one
another, with the statistics of natural pictures. Light, a fine texture, the lens's blur and the sensor's noise are
added, since what decides an encoder's bytes is what is left of them after resizing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

_LEAVES = 12_000
_BACKGROUND = 300
_CAMERA_QUALITY = 90
_ORIENTATION, _TURNED_RIGHT = 0x0112, 6


@dataclass(frozen=True)
class Original:
    """A file to render.

    Attributes:
        photograph: an upright JPEG, as nearly all uploads are: what the claims are about.
        has_reference: whether there is one right way to make it smaller. CMYK without a profile has none: libraries
            differ in how they make RGB of it.
    """

    name: str
    path: Path
    photograph: bool = False
    has_reference: bool = True


def originals(directory: Path) -> Sequence[Original]:
    """Write all originals to ``directory``."""
    sizes = {"1 MP": (1200, 900), "4 MP": (2400, 1800), "12 MP": (4000, 3000)}
    found = []
    for name, size in sizes.items():
        picture = photograph(*size)
        path = directory / f"{name}.jpg"
        picture.save(path, quality=_CAMERA_QUALITY)
        found.append(Original(f"JPEG, {name}", path, photograph=True))
        if name == "4 MP":
            found += _others(picture, directory)
    return sorted(found, key=lambda original: not original.photograph)


def photograph(width: int, height: int, seed: int = 1) -> Image.Image:
    """A generated photograph in RGB."""
    random = np.random.default_rng(seed)
    sharp = _leaves(random, width, height).filter(ImageFilter.GaussianBlur(1))
    light = 1 + 0.14 * _field(random, width, height, 1.8)
    texture = 7 * _field(random, width, height, 1.1)
    noise = random.normal(0, 2, (height, width, 3))
    pixels = np.asarray(sharp) * light[..., None] + texture[..., None] + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _leaves(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Discs and rectangles whose radii r have the density r^-3, above large ones that leave no gap."""
    smallest, largest = (width / 800) ** -2, (width / 6) ** -2
    radii = (smallest - (smallest - largest) * random.random(_LEAVES)) ** -0.5
    radii[:_BACKGROUND] = random.uniform(width / 20, width / 5, _BACKGROUND)
    colours = random.uniform(15, 240, (_LEAVES, 1)) + random.normal(0, 22, (_LEAVES, 3))
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for radius, colour in zip(radii, np.clip(colours, 0, 255).astype(int).tolist(), strict=True):
        x, y, low = random.uniform(0, width), random.uniform(0, height), radius * random.uniform(0.5, 1)
        shape = draw.rectangle if random.random() < 1 / 3 else draw.ellipse
        shape((x - radius, y - low, x + radius, y + low), fill=tuple(colour))
    return image


def _field(random: np.random.Generator, width: int, height: int, slope: float) -> NDArray[np.float64]:
    """Noise whose amplitude falls with the frequency f as f^-slope; its standard deviation is 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1 / max(width, height)
    real, imaginary = random.standard_normal((2, *frequency.shape))
    field = np.fft.irfft2((real + 1j * imaginary) / frequency**slope, s=(height, width))
    return field / field.std()


def _others(picture: Image.Image, directory: Path) -> list[Original]:
    """What is rarer than an upright JPEG in RGB."""
    turned, cmyk, cut_out = (directory / name for name in ("turned.jpg", "cmyk.jpg", "cut-out.png"))
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURNED_RIGHT
    picture.save(turned, quality=_CAMERA_QUALITY, exif=exif)
    picture.convert("CMYK").save(cmyk, quality=_CAMERA_QUALITY)
    _cut_out(picture).save(cut_out)
    return [
        Original("JPEG turned by EXIF, 4 MP", turned),
        Original("JPEG in CMYK, 4 MP", cmyk, has_reference=False),
        Original("PNG with alpha, 4 MP", cut_out),
    ]


def _cut_out(picture: Image.Image) -> Image.Image:
    """``picture`` with a soft edge, transparent around it."""
    alpha = Image.new("L", picture.size, 0)
    width, height = picture.size
    ImageDraw.Draw(alpha).ellipse((width // 12, height // 9, width * 11 // 12, height * 8 // 9), fill=255)
    cut = picture.copy()
    cut.putalpha(alpha.filter(ImageFilter.GaussianBlur(8)))
    return cut
