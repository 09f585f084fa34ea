"""How like a picture is to what it should be: structural similarity (Wang et al. 2004, a Gaussian window of 1.5 px).

The reference is what a careful downscale of the whole original gives: all of it decoded, turned upright, made smaller
in one step by Pillow's Lanczos filter, in sRGB's values as both contestants do; neither uses that filter's code.
Transparency is judged on white.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage.metrics import structural_similarity

_SHADES = 255


@dataclass(frozen=True)
class Likeness:
    """1 is the same. ``colour``: the mean over red, green and blue; ``brightness``: of the luma alone."""

    colour: float
    brightness: float


def likeness(picture: bytes, original: Path) -> Likeness:
    """How like a rendition is to the reference of its size."""
    found = _flat(Image.open(BytesIO(picture)))
    expected = _reference(original, found.size)
    channels = [_similarity(*pair) for pair in zip(found.split(), expected.split(), strict=True)]
    return Likeness(float(np.mean(channels)), _similarity(found.convert("L"), expected.convert("L")))


@cache
def _reference(original: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(original) as image:
        upright = ImageOps.exif_transpose(image)
    return _flat(upright.resize(size, Image.Resampling.LANCZOS))


def _flat(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _similarity(one: Image.Image, other: Image.Image) -> float:
    return float(
        structural_similarity(
            np.asarray(one),
            np.asarray(other),
            data_range=_SHADES,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def bytes_for(wanted: float, encoded: Sequence[bytes], judge: Callable[[bytes], float]) -> float:
    """The bytes that a likeness takes, interpolated between files of rising quality.

    Raises:
        ValueError: the wanted likeness is beyond all of them.
    """
    known = [judge(data) for data in encoded]
    if not known[0] <= wanted <= known[-1]:
        raise ValueError(f"{wanted} is not within {known[0]} to {known[-1]}")
    return math.exp(float(np.interp(wanted, known, [math.log(len(data)) for data in encoded])))
