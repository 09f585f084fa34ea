"""An original, opened and judged before anything of it is decoded."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from io import BytesIO

import pi_heif
from PIL import Image, ImageFile

from functions.images import formats
from functions.images.rendering.policy import Policy
from functions.images.rendering.refusals import refusing_damage
from functions.images.rendering.results import ImageRefusedError

# One thread a worker; what lies beside the picture (thumbnails, depth) is not wanted.
pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)

_ORIENTATION = 0x0112
_TRANSPOSED = frozenset({5, 6, 7, 8})
_PILLOW_FORMATS: Mapping[str, str] = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
# Several pictures in a file of any other format are pages or takes, of which the first is the picture.
_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
# What browsers show, and Pillow's names of what such a file has beside its pixels that is no metadata.
_SHOWN_BY_BROWSERS: Mapping[str, Set[str]] = {
    "image/jpeg": {"jfif", "jfif_density", "jfif_unit", "jfif_version", "dpi", "progression", "progressive"},
    "image/png": {"aspect", "chromaticity", "dpi", "gamma", "interlace", "srgb", "transparency"},
    "image/gif": {"background", "duration", "extension", "loop", "transparency", "version"},
    "image/webp": {"background", "duration", "loop", "timestamp"},
    "image/avif": set(),
}
# Comments and XMP may stand before any frame of a GIF, where Pillow does not tell of them.
_GIF_METADATA = (b"!\xfe", b"XMP Data")


@dataclass(frozen=True)
class Original:
    """An original that the policy allows.

    Attributes:
        image: opened, not decoded.
        media_type: by its bytes.
        width: of the upright picture, in pixels; so is ``height``.
        orientation: how to turn the decoded pixels, as EXIF numbers it; 1 is not at all.
        frames: of an animation; 1 is a still picture.
    """

    data: bytes
    image: ImageFile.ImageFile
    media_type: str
    width: int
    height: int
    orientation: int
    frames: int

    def as_stored(self, size: tuple[int, int]) -> tuple[int, int]:
        """An upright width and height as the pixels are stored, before they are turned."""
        width, height = size
        return (height, width) if self.orientation in _TRANSPOSED else (width, height)


def open_original(data: bytes, policy: Policy) -> Original:
    """Look at an original's head.

    Raises:
        ImageRefusedError: it is not an image that the policy allows.
    """
    media_type = _media_type(data, policy)
    pillow_format = _PILLOW_FORMATS[media_type]
    with refusing_damage():
        image = Image.open(BytesIO(data), formats=[pillow_format])
        _check_pixels(image, policy.pixel_limit(pillow_format))
        frames = _frames(image, policy)
        if image.format == "PNG":
            # It may have metadata behind its pixels too.
            image.load()
        orientation = _orientation(image)
    width, height = reversed(image.size) if orientation in _TRANSPOSED else image.size
    return Original(data, image, media_type, width, height, orientation, frames)


def _media_type(data: bytes, policy: Policy) -> str:
    if not data:
        raise ImageRefusedError("empty", "The file is empty.")
    if len(data) > policy.max_bytes:
        limit = policy.max_bytes >> 20
        raise ImageRefusedError("too-many-bytes", f"The file has more than {limit} MB.")
    head = data[: formats.HEAD_BYTES]
    media_type = formats.media_type(head)
    if media_type is None:
        found = formats.stranger(head)
        raise ImageRefusedError("not-an-image", f"The file is no image that we support: it is {found}.")
    return media_type


def _check_pixels(image: ImageFile.ImageFile, limit: int) -> None:
    width, height = image.size
    if width * height > limit:
        raise ImageRefusedError(
            "too-many-pixels", f"The picture has {width} x {height} pixels: at most {limit} are allowed."
        )


def _frames(image: ImageFile.ImageFile, policy: Policy) -> int:
    if image.format not in _ANIMATED or not getattr(image, "is_animated", False):
        return 1
    _check_pixels(image, policy.max_frame_pixels)
    frames: int = getattr(image, "n_frames", 1)
    width, height = image.size
    if frames > policy.max_frames or frames * width * height > policy.max_animation_pixels:
        raise ImageRefusedError(
            "too-many-frames",
            f"The animation has {frames} frames of {width} x {height} pixels: that is too much.",
        )
    return frames


def _orientation(image: ImageFile.ImageFile) -> int:
    # Pillow turns TIFF itself, libheif HEIC.
    if image.format in ("TIFF", "HEIF"):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    # Broken metadata is no reason to refuse a sound picture, and its parser promises nothing.
    except Exception:
        return 1
    return orientation if orientation in range(1, 9) else 1


def is_showable(original: Original) -> bool:
    """Whether the original could be published as it is: browsers show it, and it has nothing but its pixels."""
    harmless = _SHOWN_BY_BROWSERS.get(original.media_type)
    if harmless is None or original.orientation != 1 or not original.image.info.keys() <= harmless:
        return False
    return original.media_type != "image/gif" or not any(mark in original.data for mark in _GIF_METADATA)
