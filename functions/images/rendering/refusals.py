"""Refusing what a decoder cannot read."""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from functions.images.rendering.results import ImageRefusedError


@contextmanager
def refusing_damage() -> Iterator[None]:
    """Around what decodes: bytes that make it fail are refused.

    Raises:
        ImageRefusedError: ``damaged`` or ``too-many-pixels``.
    """
    try:
        yield
    except ImageRefusedError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageRefusedError("too-many-pixels", "The picture has far too many pixels.") from error
    # Decoders report bad bytes with nearly every exception there is, down to MemoryError for a senseless length.
    except Exception as error:
        raise ImageRefusedError(
            "damaged", "The picture is damaged or incomplete: it cannot be read."
        ) from error
