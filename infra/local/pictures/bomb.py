"""A decompression bomb: a small PNG of a great many pixels."""

import struct
import zlib
from functools import cache

_SIDE = 30_000
_BIT_DEPTH, _GREYSCALE = 1, 0
# https://www.w3.org/TR/png-3/#5PNG-file-signature
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def bomb() -> bytes:
    """A valid file of about 110 KB, black, 30,000 by 30,000 pixels: 900 MB once unpacked to a byte a pixel."""
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, _BIT_DEPTH, _GREYSCALE, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", _black_rows()) + _chunk(b"IEND", b"")


def _black_rows() -> bytes:
    row = bytes(1 + _SIDE * _BIT_DEPTH // 8)  # its filter, then its pixels
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(row) for _ in range(_SIDE)), packer.flush()])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
