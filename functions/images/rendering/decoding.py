"""From an original to upright pixels in sRGB, in no more pixels than are wanted."""

from collections.abc import Mapping

from PIL import Image

from functions.images.rendering.colour import resizable, to_srgb
from functions.images.rendering.original import Original
from functions.images.rendering.refusals import refusing_damage
from functions.images.rendering.resampling import resize

# By EXIF's number of how the camera was held.
_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(original: Original, size: tuple[int, int]) -> Image.Image:
    """The (first) picture in ``size``, its upright width and height, as L, RGB or RGBA.

    JPEG is decoded at the smallest scale that its transform has for that size, which takes a fraction of the time.
    What is decoded is freed: this can be done once.

    Raises:
        ImageRefusedError: it cannot be decoded.
    """
    image = original.image
    with refusing_damage():
        image.draft(None, original.as_stored(size))
        image.load()
    pixels = resizable(image)
    # At once, since either may take 200 MB.
    if pixels is not image:
        image.close()
    small = resize(pixels, original.as_stored(size))
    if small is not pixels:
        pixels.close()
    upright = _finished(small, original)
    # Pillow's encoders take metadata from here that nobody asked them to write.
    upright.info = {}
    return upright


class Frames(Image.Image):
    """The frames of an animation in another size, made when they are asked for: one is in memory at a time.

    It is what Pillow's encoders take for an image file of several frames. ``info["duration"]`` has the duration of
    each frame in milliseconds as far as they have been seen, ``info["loop"]`` how often all is shown, 0 for ever.

    Args:
        size: upright width and height.

    Raises:
        ImageRefusedError: a frame cannot be decoded; also at each `seek`.
    """

    def __init__(self, original: Original, size: tuple[int, int]) -> None:
        super().__init__()
        self._original = original
        self._wanted = size
        self._frame = 0
        self._durations = [0] * original.frames
        self.n_frames = original.frames
        self.seek(0)
        self.info = {"duration": self._durations, "loop": _plays(original)}

    def tell(self) -> int:
        """The number of the frame that is shown, from 0."""
        return self._frame

    def seek(self, frame: int) -> None:
        """Show ``frame``."""
        image = self._original.image
        with refusing_damage():
            image.seek(frame)
            image.load()
        small = resize(resizable(image), self._original.as_stored(self._wanted))
        shown = _finished(small, self._original)
        self._frame = frame
        self._durations[frame] = round(image.info.get("duration", 0))
        self.im, self._mode, self._size = shown.im, shown.mode, shown.size


def _plays(original: Original) -> int:
    """How often an animation is shown. GIF counts repetitions after the first time, and none is once."""
    loop = original.image.info.get("loop")
    if original.media_type != "image/gif":
        return int(loop or 0)
    return 1 if loop is None else loop and min(loop + 1, 0xFFFF)


def _finished(image: Image.Image, original: Original) -> Image.Image:
    coloured = to_srgb(image, original.image.info.get("icc_profile"))
    turn = _TURNS.get(original.orientation)
    return _without_idle_alpha(coloured if turn is None else coloured.transpose(turn))


def _without_idle_alpha(image: Image.Image) -> Image.Image:
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image
