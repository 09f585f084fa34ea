"""An order-preserving encoding: comparing two encodings as bytes compares the values as Firestore does.

Source of the order: https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering.
Equal values have equal encodings (1 and 1.0, 0.0 and -0.0), and no encoding is a prefix of another, so encodings
can be joined into the key of an index over several fields. Inverting every byte reverses the order.

As in Google's indexes, a value of more than 1,500 bytes is encoded up to there only: it sorts behind what it starts
with, and long values that start alike are equal. (Filters refuse such operands, so only orders can tell.)
"""

import math
import re
import struct
from collections.abc import Callable, Iterable

from infra.local.firestore.messages import Value
from infra.local.firestore.paths import Segments, is_numeric_id
from infra.local.firestore.sizes import FIXED_SIZES, MAX_INDEXED_BYTES, NAME_OVERHEAD, value_size

# A type's tag starts at a multiple of eight, so that `type_range` is one mask away.
NULL, BOOLEAN, NAN, NUMBER, TIMESTAMP, STRING, BYTES = (
    b"\x10",
    b"\x18",
    b"\x20",
    b"\x21",
    b"\x28",
    b"\x30",
    b"\x38",
)
REFERENCE, GEO_POINT, ARRAY, VECTOR, MAP = b"\x40", b"\x48", b"\x50", b"\x58", b"\x60"
AFTER_NULL = b"\x11"
_TRUE = b"\x19"
TOP = b"\xff\xff"
"""Above every encoded value and every encoded path, inverted ones included."""

VECTOR_TYPE = "__vector__"

# No size is more than twice the length of the encoding.
_SURELY_SMALL = MAX_INDEXED_BYTES // 2
_CUT = b"\xff"
_END_OF_TEXT = b"\x00\x01"
_END_OF_PATH = b"\x00\x00"
_NUMERIC_ID = b"\x00\x02"
_INVERSION = bytes(255 - byte for byte in range(256))
_double = struct.Struct(">d")
_unsigned = struct.Struct(">Q")
_number = struct.Struct(">cQH")
_timestamp = struct.Struct(">cQI")


def encode_value(value: Value) -> bytes:
    """The encoding of a value of any type, as indexes hold it: its first 1,500 bytes."""
    encoded = encode_whole(value)
    if len(encoded) < _SURELY_SMALL or value_size(value) <= MAX_INDEXED_BYTES:
        return encoded
    return _Truncation().encode(value)


def encode_whole(value: Value) -> bytes:
    """The encoding of all of a value, however long."""
    return _ENCODERS[value.WhichOneof("value_type")](value)


def encode_path(segments: Segments) -> bytes:
    """The encoding of a document's path: parents before children, numeric ids before other ids."""
    return encode_path_prefix(segments) + _END_OF_PATH


def encode_path_prefix(segments: Segments) -> bytes:
    """What the encodings of every path below ``segments`` start with."""
    return b"".join(map(_segment, segments))


def invert(encoded: bytes) -> bytes:
    """The encoding for descending order."""
    return encoded.translate(_INVERSION)


def successor(prefix: bytes) -> bytes:
    """The lowest bytes above everything that starts with ``prefix``."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else TOP


def type_range(encoded: bytes) -> tuple[bytes, bytes]:
    """Bounds of the values that a range filter compares with: those of one type, and NaN with none."""
    start = encoded[0] & 0xF8
    return (NUMBER if start == NAN[0] else bytes([start])), bytes([start + 8])


def is_vector(value: Value) -> bool:
    """Whether a map value is the wire form of a vector."""
    fields = value.map_value.fields
    return "__type__" in fields and fields["__type__"].string_value == VECTOR_TYPE


def _segment(segment: str) -> bytes:
    if segment.startswith("__id") and is_numeric_id(segment):
        return _NUMERIC_ID + _unsigned.pack((int(segment[4:-2]) + (1 << 63)) & 0xFFFF_FFFF_FFFF_FFFF)
    return _text(segment.encode())


def _text(raw: bytes) -> bytes:
    return _escaped(raw) + _END_OF_TEXT


def _escaped(raw: bytes) -> bytes:
    return raw.replace(b"\x00", b"\x00\xff") if b"\x00" in raw else raw


def _sortable(number: float) -> int:
    """A double's bits as an unsigned integer in the numbers' order; -0.0 becomes 0.0."""
    bits: int = _unsigned.unpack(_double.pack(number + 0.0))[0]
    return bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 0x8000_0000_0000_0000


def _integer(value: Value) -> bytes:
    # Rounding to a double keeps the order; what rounding lost (at most 512) breaks the ties.
    exact = value.integer_value
    rounded = float(exact)
    return _number.pack(NUMBER, _sortable(rounded), exact - int(rounded) + 0x8000)


def _floating(value: Value) -> bytes:
    number = value.double_value
    return NAN if math.isnan(number) else _number.pack(NUMBER, _sortable(number), 0x8000)


def _time(value: Value) -> bytes:
    moment = value.timestamp_value
    return _timestamp.pack(TIMESTAMP, moment.seconds + (1 << 63), moment.nanos)


def _reference(value: Value) -> bytes:
    parts = value.reference_value.split("/")
    database = (parts[1], parts[3]) if len(parts) > 4 else ("", "")
    return REFERENCE + b"".join(_text(part.encode()) for part in database) + encode_path(tuple(parts[5:]))


def _geo_point(value: Value) -> bytes:
    point = value.geo_point_value
    return GEO_POINT + _unsigned.pack(_sortable(point.latitude)) + _unsigned.pack(_sortable(point.longitude))


def _sequence(values: Iterable[Value]) -> bytes:
    return b"".join(map(encode_whole, values)) + b"\x00"


def _map(value: Value) -> bytes:
    fields = value.map_value.fields
    if is_vector(value):
        elements = fields["value"].array_value.values
        return VECTOR + struct.pack(">I", len(elements)) + _sequence(elements)
    pairs = sorted((name.encode(), name) for name in fields)
    return MAP + b"".join(b"\x01" + _text(raw) + encode_whole(fields[name]) for raw, name in pairs) + b"\x00"


_ENCODERS: dict[str | None, Callable[[Value], bytes]] = {
    "null_value": lambda value: NULL,
    "boolean_value": lambda value: _TRUE if value.boolean_value else BOOLEAN,
    "integer_value": _integer,
    "double_value": _floating,
    "timestamp_value": _time,
    "string_value": lambda value: STRING + _text(value.string_value.encode()),
    "bytes_value": lambda value: BYTES + _text(value.bytes_value),
    "reference_value": _reference,
    "geo_point_value": _geo_point,
    "array_value": lambda value: ARRAY + _sequence(value.array_value.values),
    "map_value": _map,
}


def value_pattern(*, descending: bool) -> bytes:
    """A regular expression for one encoded value of a simple type, so that it can be found in a key.

    Arrays, maps, references and bytes do not match: where they end takes more than that to tell.
    """

    def written(raw: bytes) -> bytes:
        return re.escape(invert(raw) if descending else raw)

    single = [NULL, BOOLEAN, _TRUE, NAN]
    fixed = [(NUMBER, _number.size), (TIMESTAMP, _timestamp.size), (GEO_POINT, 1 + 2 * _unsigned.size)]
    zero, top = written(b"\x00"), written(_CUT)
    text = written(STRING) + b"(?:[^%b%b]|%b%b)*(?:%b|%b)" % (
        zero,
        top,
        zero,
        top,
        written(_END_OF_TEXT),
        top,
    )
    alternatives = [
        *map(written, single),
        *(written(tag) + b".{%d}" % (size - 1) for tag, size in fixed),
        text,
    ]
    return b"(?s:%b)" % b"|".join(alternatives)


class _Exhausted(Exception):
    """The bytes that an index keeps of a value are used up."""


class _Truncation:
    """Encodes the first 1,500 bytes of one value, by storage size. A number is kept whole while any byte is left."""

    def __init__(self) -> None:
        self._left = MAX_INDEXED_BYTES
        self._parts: list[bytes] = []

    def encode(self, value: Value) -> bytes:
        try:
            self._value(value)
        except _Exhausted:
            self._parts.append(_CUT)
        return b"".join(self._parts)

    def _value(self, value: Value) -> None:
        if self._left <= 0:
            raise _Exhausted
        kind = value.WhichOneof("value_type")
        if kind == "string_value":
            self._parts.append(STRING)
            self._string(value.string_value)
        elif kind == "bytes_value":
            self._parts.append(BYTES)
            self._raw(value.bytes_value, self._left, len(value.bytes_value))
        elif kind == "reference_value":
            self._reference(value)
        elif kind == "array_value":
            self._array(value)
        elif kind == "map_value" and not is_vector(value):
            self._map(value)
        else:
            self._parts.append(encode_whole(value))
            self._left -= FIXED_SIZES.get(kind, 0)

    def _string(self, text: str) -> None:
        raw = text.encode()
        room = self._left - 1
        while room < len(raw) and raw[room] & 0xC0 == 0x80:  # never inside a character
            room += 1
        self._raw(raw, room, len(raw) + 1)

    def _raw(self, raw: bytes, room: int, size: int) -> None:
        if len(raw) > room:
            self._parts.append(_escaped(raw[:room]))
            raise _Exhausted
        self._parts.append(_text(raw))
        self._left -= size

    def _reference(self, value: Value) -> None:
        _, project, _, database, _, *segments = value.reference_value.split("/")
        self._parts += [REFERENCE, _text(project.encode()), _text(database.encode())]
        self._left -= NAME_OVERHEAD
        for segment in segments:
            if self._left <= 0:
                raise _Exhausted
            self._string(segment)
        self._parts.append(_END_OF_PATH)

    def _array(self, value: Value) -> None:
        self._parts.append(ARRAY)
        for element in value.array_value.values:
            self._value(element)
        self._parts.append(b"\x00")

    def _map(self, value: Value) -> None:
        self._parts.append(MAP)
        fields = value.map_value.fields
        for name in sorted(fields, key=str.encode):
            if self._left <= 0:
                raise _Exhausted
            self._parts.append(b"\x01")
            self._string(name)
            self._value(fields[name])
        self._parts.append(b"\x00")
