"""Making pictures smaller, by the fastest well-kept library."""

from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

_LANCZOS = ResizeOptions(resize_alg=ResizeAlg.convolution(FilterType.lanczos3))
_FAST_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """``image`` in ``size`` pixels; itself if it has that size already.

    Transparent pixels do not bleed into their neighbours: colours are weighed by their alpha.
    """
    if image.size == size:
        return image
    if image.mode not in _FAST_MODES:
        return image.resize(size, Image.Resampling.LANCZOS)
    smaller = Image.new(image.mode, size)
    Resizer().resize_pil(image, smaller, _LANCZOS)
    return smaller
