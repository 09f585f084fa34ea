"""What is made of an original, and which originals are refused: the one place to change it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Literal

Format = Literal["webp", "jpeg", "avif"]

# To be counted up with every change of the code that makes better pixels or bytes of the same policy.
_RENDERER = 1


@dataclass(frozen=True)
class Size:
    """A rendition: ``longest_side`` in pixels, which is never reached by enlarging, in each of ``formats``.

    ``webp_method`` is the encoder's, from 0 (quick) to 6 (small).
    """

    name: str
    longest_side: int
    formats: tuple[Format, ...]
    webp_method: int = 4

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size in pixels of a picture of ``width`` x ``height``: its shape kept, each side at least 1."""
        longest = max(width, height)
        if longest <= self.longest_side:
            return width, height
        scale = self.longest_side / longest
        return max(1, round(width * scale)), max(1, round(height * scale))


def _default_qualities() -> Mapping[Format, tuple[int, ...]]:
    return MappingProxyType({"webp": (81, 60, 40), "jpeg": (46, 65, 90), "avif": (60, 45, 30)})


@dataclass(frozen=True)
class Policy:
    """Sizes, formats and limits.

    Attributes:
        sizes: from large to small.
        qualities: for each format what to try until the result is smaller than the original. WebP and AVIF: their
            encoders' scale up to 100. JPEG: the quantisation tables in percent of the ones in ``encoding``, so that
            less is better.
        max_bytes: of an original.
        max_pixels: of an original that is not animated.
        format_max_pixels: less than ``max_pixels``, by the name of the format in Pillow, where its decoder takes so
            many bytes for each pixel that the process would pass 512 MB.
        max_frame_pixels: of an animation, of which decoders hold several frames.
        max_frames: of an animation.
        max_animation_pixels: of all frames of an animation together: it bounds the time that one can take.
    """

    sizes: tuple[Size, ...] = (
        Size("large", 1600, ("webp", "jpeg")),
        # Half the time for 5 to 11 % more bytes: docs/performance.md.
        Size("medium", 800, ("webp",), webp_method=2),
        Size("thumb", 320, ("webp",), webp_method=2),
    )
    qualities: Mapping[Format, tuple[int, ...]] = field(default_factory=_default_qualities, hash=False)
    max_bytes: int = 26_214_400
    max_pixels: int = 50_000_000
    format_max_pixels: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType(
            {"WEBP": 20_000_000, "AVIF": 25_000_000, "HEIF": 25_000_000}
        ),
        hash=False,
    )
    max_frame_pixels: int = 16_000_000
    max_frames: int = 300
    max_animation_pixels: int = 60_000_000

    @property
    def revision(self) -> str:
        """Eight letters and digits that change with all that decides the renditions' bytes."""
        decisive = [_RENDERER, [asdict(size) for size in self.sizes], dict(self.qualities)]
        return sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]

    def pixel_limit(self, format_name: str) -> int:
        """The pixels of an original (of one frame of it), by the name of its format in Pillow."""
        return min(self.max_pixels, self.format_max_pixels.get(format_name, self.max_pixels))


POLICY = Policy()
