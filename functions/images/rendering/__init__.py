"""Original bytes in, renditions out. Importing this needs no Pillow: most of what runs beside it renders nothing."""

from functions.images.rendering.policy import POLICY, Policy
from functions.images.rendering.results import ImageRefusedError, Rendered, Rendition

__all__ = ["POLICY", "ImageRefusedError", "Policy", "Rendered", "Rendition", "render"]


def render(original: bytes, policy: Policy = POLICY) -> Rendered:
    """Make the renditions that ``policy`` asks for. The same bytes and policy give the same bytes.

    No rendition is larger than the original, in pixels or in bytes: one that is not smaller is tried in the policy's
    lower qualities, then left out. If nothing is left that has all that the original has (JPEG has neither motion nor
    transparency), one rendition of the largest size stands in: the original itself, if browsers show its format and
    it has no metadata to strip; else the smallest that could be made, the only one that may be larger.

    Raises:
        ImageRefusedError: there never will be renditions of this original.
    """
    from functions.images.rendering.renderer import render_original

    return render_original(original, policy)
