"""What a file is, by its first bytes: neither its name nor the type that somebody declares is to be believed."""

# As much as the functions here look at.
HEAD_BYTES = 512

_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    # Either byte order; 43 in place of 42 is a BigTIFF.
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"II+\0": "image/tiff",
    b"MM\0+": "image/tiff",
}
# The brands of HEIF (ISO/IEC 23008-12) and AVIF (the Alliance for Open Media's specification). A file may name several:
# the first type here counts, since the general "mif1" is what nearly all of them name too.
_BRANDS = {
    "image/avif": {b"avif", b"avis"},
    "image/heic": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"},
    "image/heif": {b"mif1", b"mif2", b"msf1"},
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRANGERS = {
    b"%pdf-": "a PDF",
    b"pk\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip file",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<head": "an HTML page",
    b"<body": "an HTML page",
    b"<svg": "an SVG drawing",
    b"<!doctype svg": "an SVG drawing",
    b"<?xml": "an XML document",
}


def media_type(head: bytes) -> str | None:
    """The media type of the image that starts with ``head`` (``HEAD_BYTES``, or all there is).

    JPEG, PNG, WebP, AVIF, GIF, TIFF, HEIC and HEIF are known; everything else is ``None``.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        return next((name for name, known in _BRANDS.items() if known & brands), None)
    return next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), None)


def stranger(head: bytes) -> str:
    """What a file that is no image seems to be, in words that fit after "it is"."""
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip().lower()
    if not text:
        return "empty"
    # An XML declaration, a comment or a DOCTYPE may come before the drawing itself.
    if text.startswith((b"<?xml", b"<!--")) and b"<svg" in text:
        return "an SVG drawing"
    return next(
        (name for start, name in _STRANGERS.items() if text.startswith(start)), "of a kind unknown to us"
    )


def _brands(head: bytes) -> set[bytes]:
    """The major and the compatible brands of an ISO media file's first box, a ``ftyp`` (ISO/IEC 14496-12, 4.3)."""
    box = head[: int.from_bytes(head[:4], "big")]
    # Between the major brand and the compatible ones there is a version, which is no brand.
    return {box[8:12]} | {box[start : start + 4] for start in range(16, len(box), 4)}
