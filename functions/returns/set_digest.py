"""What a set of ids amounts to, in 8 kB however large it is: two walks find out whether they met the same ids."""

import base64
import hashlib
import struct
from collections.abc import Iterable
from typing import Self

# So many that a few ids make few of them differ, and so few that their sums fit a job's document many times over.
BUCKETS = 1_024
_PACKED = struct.Struct(f"<{BUCKETS}Q")
_MODULUS = 1 << 64
# The longest key that BLAKE2b takes.
_KEY_BYTES = 64


class SetDigest:
    """Ids in buckets by their hash, and of each bucket the sum of its ids' hashes.

    Sums do not depend on the order. Two buckets of different ids have equal sums once in 2^64 times, and an id that is
    added twice counts twice, which makes its bucket differ from one that has it once.

    Args:
        key: of the hash: only digests of one key can be compared.
        dumped: the digest to go on with, as :meth:`dump` gave it; without one, the set is empty.
    """

    def __init__(self, key: str, dumped: str = "") -> None:
        self._key = key.encode()[-_KEY_BYTES:]
        self._sums = list(_PACKED.unpack(base64.b85decode(dumped))) if dumped else [0] * BUCKETS

    def add(self, ids: Iterable[str]) -> Self:
        """Take ids into the set."""
        for each in ids:
            bucket, value = self._hash(each)
            self._sums[bucket] = (self._sums[bucket] + value) % _MODULUS
        return self

    def bucket(self, id_: str) -> int:
        """The bucket of an id, from 0."""
        return self._hash(id_)[0]

    def differing(self, other: "SetDigest") -> list[int]:
        """The buckets whose ids are not the same in both, in order."""
        pairs = zip(self._sums, other._sums, strict=True)
        return [bucket for bucket, (ours, theirs) in enumerate(pairs) if ours != theirs]

    def dump(self) -> str:
        """The digest as text, 10 kB."""
        return base64.b85encode(_PACKED.pack(*self._sums)).decode()

    def _hash(self, id_: str) -> tuple[int, int]:
        digest = hashlib.blake2b(id_.encode(), key=self._key, digest_size=16).digest()
        return int.from_bytes(digest[:8], "little") % BUCKETS, int.from_bytes(digest[8:], "little")
