"""The renditions of an original, by the policy: one decode, each size made from the next larger one."""

from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from functions.images.rendering.credits import credits_of
from functions.images.rendering.decoding import Frames, decode
from functions.images.rendering.encoding import MEDIA_TYPES, encode
from functions.images.rendering.original import Original, is_showable, open_original
from functions.images.rendering.policy import Policy, Size
from functions.images.rendering.resampling import resize
from functions.images.rendering.results import Rendered, Rendition


class _Made(NamedTuple):
    """A rendition, of any number of bytes, and whether it has the motion and transparency of its original."""

    rendition: Rendition
    has_all: bool


def render_original(data: bytes, policy: Policy) -> Rendered:
    """See `functions.images.rendering.render`.

    Raises:
        ImageRefusedError: there never will be renditions of this original.
    """
    original = open_original(data, policy)
    # Looked at now, since decoding closes it.
    showable = is_showable(original)
    made = list(_made(original, policy))
    smaller = [each for each in made if len(each.rendition.data) < len(data)]
    renditions = [each.rendition for each in smaller]
    if not any(each.has_all for each in smaller):
        renditions.insert(0, _itself(original, policy) if showable else _smallest(made))
    return Rendered(original.media_type, original.width, original.height, original.frames, tuple(renditions))


def _made(original: Original, policy: Policy) -> Iterator[_Made]:
    """All that the policy asks for. Sizes that come out equal share one encoding."""
    exif = credits_of(original.image)
    done: dict[tuple[tuple[int, int], str], bytes] = {}
    for size, image in _sized(original, policy):
        keeps_all = original.frames == 1 and image.mode != "RGBA"
        for format_ in size.formats:
            key = image.size, format_
            if key not in done:
                done[key] = encode(image, size, format_, policy, exif, len(original.data))
            rendition = Rendition(size.name, format_, MEDIA_TYPES[format_], *image.size, done[key])
            yield _Made(rendition, keeps_all or format_ != "jpeg")


def _sized(original: Original, policy: Policy) -> Iterator[tuple[Size, Image.Image]]:
    last: Image.Image | None = None
    for size in policy.sizes:
        wanted = size.fit(original.width, original.height)
        if original.frames > 1:
            last = Frames(original, wanted)
        else:
            last = decode(original, wanted) if last is None else resize(last, wanted)
        yield size, last


def _itself(original: Original, policy: Policy) -> Rendition:
    name, format_ = policy.sizes[0].name, original.media_type.removeprefix("image/")
    size = original.width, original.height
    return Rendition(name, format_, original.media_type, *size, original.data)


def _smallest(made: list[_Made]) -> Rendition:
    """Of the largest size, the smallest that has all."""
    name = made[0].rendition.name
    whole = [each.rendition for each in made if each.has_all and each.rendition.name == name]
    return min(whole, key=lambda rendition: len(rendition.data))
