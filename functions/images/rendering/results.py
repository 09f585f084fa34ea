"""What comes of an original: renditions, or a refusal."""

from dataclasses import dataclass

from shared.errors import PermanentError


class ImageRefusedError(PermanentError):
    """This original will never have renditions; the text is for the seller.

    Attributes:
        reason: a stable slug: ``empty``, ``too-many-bytes``, ``not-an-image``, ``unsupported-pixels``, ``damaged``,
            ``too-many-pixels`` or ``too-many-frames``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Rendition:
    """One file for browsers.

    Attributes:
        name: of its size in the policy.
        format: in lower case, such as ``webp``.
        width: in pixels; so is ``height``.
    """

    name: str
    format: str
    media_type: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Rendered:
    """What an original is, by its bytes, and what was made of it.

    Attributes:
        media_type: the original's.
        width: the original's, upright, in pixels; so is ``height``.
        frames: the original's; 1 for a still picture.
        renditions: in the policy's order, at least one.
    """

    media_type: str
    width: int
    height: int
    frames: int
    renditions: tuple[Rendition, ...]
