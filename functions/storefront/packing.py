"""Views as documents: entries in the order of their keys, in parts of some 400 KB, and a directory to find them by.

A part begins with a line of JSON, the keys and the lengths of its entries, and the entries follow as they are served.
So a reader cuts out an answer without parsing it.

Entries that fit are together in parts of at most :data:`PART_BYTES`. One that is longer has a part of its own, and
one beyond :data:`MAX_PART_BYTES` several, each with a piece of it. Thus no document is larger than MAX_PART_BYTES and
the line before it, whatever the categories are, and a document of Firestore may have 1 MiB.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

import orjson

PART_BYTES = 400_000
MAX_PART_BYTES = 900_000

# For each part the key of its first entry.
Directory = Sequence[str]


def pack(entries: Mapping[str, bytes]) -> tuple[Directory, list[bytes]]:
    """The parts of a view, and their directory.

    Args:
        entries: what is served, by key.
    """
    parts = list(_parts(entries))
    return [keys[0] for keys, _ in parts], [_encode(keys, bodies) for keys, bodies in parts]


def find(directory: Directory, key: str) -> range:
    """Which parts have the entry of ``key``, if there is such an entry: one, or for a very long one several.

    Empty if no part can have it.
    """
    end = bisect_right(directory, key)
    if end and directory[end - 1] == key:
        return range(bisect_left(directory, key), end)
    return range(max(end - 1, 0), end)


def unpack(part: bytes) -> dict[str, bytes]:
    """The entries of a part, or its piece of one. Bodies are cut out, not parsed."""
    line, _, _ = part.partition(b"\n")
    keys, lengths = orjson.loads(line)
    ends = accumulate(lengths, initial=len(line) + 1)
    return {key: part[start:end] for key, (start, end) in zip(keys, pairwise(ends), strict=True)}


def entry(parts: Iterable[Mapping[str, bytes]], key: str) -> bytes | None:
    """What is served for ``key``; ``None`` if there is no such entry.

    Args:
        parts: unpacked, those that :func:`find` named, in order.
    """
    pieces = [part[key] for part in parts if key in part]
    return b"".join(pieces) if pieces else None


def _parts(entries: Mapping[str, bytes]) -> Iterator[tuple[list[str], list[bytes]]]:
    keys: list[str] = []
    bodies: list[bytes] = []
    size = 0
    for key in sorted(entries):
        body = entries[key]
        if keys and size + len(body) > PART_BYTES:
            yield keys, bodies
            keys, bodies, size = [], [], 0
        if len(body) > MAX_PART_BYTES:
            # What comes next begins a part of its own, so that a piece's key is in the directory for nothing else.
            yield from (([key], [piece]) for piece in _pieces(body))
            continue
        keys.append(key)
        bodies.append(body)
        size += len(key) + len(body)
    if keys:
        yield keys, bodies


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), MAX_PART_BYTES):
        yield body[start : start + MAX_PART_BYTES]


def _encode(keys: Sequence[str], bodies: Sequence[bytes]) -> bytes:
    line = orjson.dumps([keys, [len(body) for body in bodies]])
    return b"\n".join([line, b"".join(bodies)])
