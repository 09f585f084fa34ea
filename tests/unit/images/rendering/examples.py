"""Pictures, made up."""

import base64
import struct
import zlib
from io import BytesIO
from random import Random
from typing import Any

from PIL import Image

from functions.images.rendering import Rendered, render

# 64 x 48 pixels, with a gradient in each colour; nothing that is installed here can write HEIC.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABoQABAAAAAAAAACcAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADd"
    "aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAA"
    "AwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh"
    "cAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAC9tZGF0AAAA"
    "IygBrwQY+MrAt9jj0CTXyD6PhwYRop3r4bvTd0EUgyxud8lg"
)


def a_picture(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth in all three colours, and never the same turned."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, Image.radial_gradient("L").resize((width, height))))


def waves(width: int, height: int) -> Image.Image:
    """Of every length: the hardest to keep."""
    wave = bytes(
        (across * across // 64 + down * 3) % 256 for down in range(height) for across in range(width)
    )
    return Image.frombytes("L", (width, height), wave).convert("RGB")


def noise(width: int, height: int) -> Image.Image:
    """The same at each call."""
    return Image.frombytes("RGB", (width, height), Random(4).randbytes(3 * width * height))


def a_cutout(width: int = 96, height: int = 64) -> Image.Image:
    """Transparent to the left."""
    picture = a_picture(width, height)
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize((width, height)))
    return picture


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def shown(rendered: Rendered, name: str = "large", format_: str = "webp") -> Image.Image:
    """One of the renditions, opened."""
    (data,) = (each.data for each in rendered.renditions if (each.name, each.format) == (name, format_))
    return opened(data)


def large(original: bytes) -> Image.Image:
    return shown(render(original))


def colour(image: Image.Image, across: float, down: float) -> tuple[int, ...]:
    """The colour of a point, given in parts of the width and the height, as RGB or RGBA."""
    at = int(image.width * across), int(image.height * down)
    pixel = image.convert("RGBA" if image.mode == "RGBA" else "RGB").getpixel(at)
    assert isinstance(pixel, tuple)
    return pixel


def close(found: tuple[int, ...], expected: tuple[int, ...], by: int = 14) -> bool:
    return len(found) == len(expected) and all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


def a_png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def a_png(width: int, height: int, pixels: bytes, *others: bytes, colour_type: int = 0) -> bytes:
    """A PNG of 8 bits a colour.

    Args:
        pixels: compressed.
        others: whole chunks, to stand before the pixels.
        colour_type: 0 is grey, 6 RGBA.
    """
    head = a_png_chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, colour_type, 0, 0, 0))
    parts = (b"\x89PNG\r\n\x1a\n", head, *others, a_png_chunk(b"IDAT", pixels), a_png_chunk(b"IEND", b""))
    return b"".join(parts)


def a_dot() -> Image.Image:
    return Image.new("P", (1, 1))
