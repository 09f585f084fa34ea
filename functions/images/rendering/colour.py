"""Any picture's pixels as sRGB, which is what browsers take an untagged picture for."""

from functools import cache
from io import BytesIO

from PIL import Image, ImageCms

from functions.images.rendering.results import ImageRefusedError

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


def resizable(image: Image.Image) -> Image.Image:
    """The pixels of ``image`` in a mode whose values can be averaged: L, RGB, RGBA, or CMYK.

    Raises:
        ImageRefusedError: ``unsupported-pixels``, for 32-bit measurements that have no agreed black and white.
    """
    match image.mode:
        case "RGB" | "L" if "transparency" in image.info:
            return image.convert("RGBA")
        case "RGB" | "RGBA" | "CMYK" | "L":
            return image
        case "1":
            return image.convert("L")
        case "I;16" | "I;16L" | "I;16B" | "I;16N":
            # Not by convert(), which clips to 255 where it should divide.
            return image.point(lambda value: value * (1 / 256)).convert("L")
        case "I" | "F":
            raise ImageRefusedError("unsupported-pixels", "Pictures of 32 bits a colour are not supported.")
        case _:
            return image.convert("RGBA" if image.has_transparency_data else "RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """``image``, a result of `resizable`, as L, RGB or RGBA in sRGB.

    Args:
        profile: the embedded ICC profile. One that is broken or of other colours than the picture's is ignored.
    """
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile and not _is_srgb(profile):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            transform = ImageCms.buildTransform(
                source, _srgb(), image.mode, target, renderingIntent=_INTENT, flags=_FLAGS
            )
            return ImageCms.applyTransform(image, transform) or image
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB") if image.mode == "CMYK" else image


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _is_srgb(profile: bytes) -> bool:
    """Whether the profile says that it is sRGB, as most do: then there is nothing to convert."""
    try:
        return "sRGB" in (ImageCms.ImageCmsProfile(BytesIO(profile)).profile.profile_description or "")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
