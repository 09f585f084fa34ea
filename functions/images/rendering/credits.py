"""Who made a picture and whose it is: the only metadata that renditions keep."""

import struct
from collections.abc import Iterator, Mapping

from PIL import ImageFile, IptcImagePlugin

_ARTIST = 0x013B
_COPYRIGHT = 0x8298
# By-line and copyright notice, in the numbers of IPTC-IIM 4.2.
_IPTC = {_ARTIST: (2, 80), _COPYRIGHT: (2, 116)}
_PNG_TEXTS = {_ARTIST: "Author", _COPYRIGHT: "Copyright"}
_MAX_BYTES = 500


def credits_of(image: ImageFile.ImageFile) -> bytes:
    """The creator and the copyright notice of ``image`` as EXIF of nothing else; empty if it has neither.

    They are taken from EXIF, else from IPTC, else from the texts of a PNG. Broken metadata counts as none.
    """
    found = {tag: text for tag in (_ARTIST, _COPYRIGHT) if (text := next(_candidates(image, tag), None))}
    return _exif(found) if found else b""


def _candidates(image: ImageFile.ImageFile, tag: int) -> Iterator[bytes]:
    for source in (_from_exif, _from_iptc, _from_png):
        try:
            value = source(image, tag)
        # The metadata is anybody's bytes, and its parsers promise nothing.
        except Exception:
            continue
        text = value.encode() if isinstance(value, str) else value
        if isinstance(text, bytes) and (cleaned := _cleaned(text)):
            yield cleaned


def _from_exif(image: ImageFile.ImageFile, tag: int) -> object:
    value = image.getexif().get(tag)
    # Pillow takes each byte for a character; most who write more than ASCII write UTF-8.
    return value.encode("latin-1") if isinstance(value, str) else value


def _from_iptc(image: ImageFile.ImageFile, tag: int) -> object:
    fields = IptcImagePlugin.getiptcinfo(image) or {}
    value = fields.get(_IPTC[tag])
    return b", ".join(value) if isinstance(value, list) else value


def _from_png(image: ImageFile.ImageFile, tag: int) -> object:
    value = image.info.get(_PNG_TEXTS[tag])
    return str(value) if value else None


def _cleaned(text: bytes) -> bytes:
    try:
        readable = text.decode()
    except UnicodeDecodeError:
        readable = text.decode("latin-1")
    return readable.replace("\0", " ").strip().encode()[:_MAX_BYTES].decode(errors="ignore").encode()


def _exif(texts: Mapping[int, bytes]) -> bytes:
    """EXIF 2.32: a TIFF header and one directory of ASCII entries. Not by Pillow, which writes ASCII only."""
    values_at = 8 + 2 + 12 * len(texts) + 4
    entries, values = b"", b""
    for tag, text in sorted(texts.items()):
        value = text + b"\0"
        place = struct.pack("<L", values_at + len(values))
        if len(value) <= len(place):
            place = value.ljust(len(place), b"\0")
        else:
            # Values begin at even offsets.
            values += value + b"\0" * (len(value) % 2)
        entries += struct.pack("<HHL", tag, 2, len(value)) + place
    directory = struct.pack("<H", len(texts)) + entries + struct.pack("<L", 0)
    return b"Exif\0\0II*\0" + struct.pack("<L", 8) + directory + values
