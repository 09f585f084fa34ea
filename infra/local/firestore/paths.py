"""Names: of databases, documents and collections, and of fields within a document."""

import re
from dataclasses import dataclass
from functools import lru_cache

from infra.local.firestore.errors import invalid

MAX_ID_BYTES = 1500  # https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields
DOCUMENT_ID = "__name__"

Segments = tuple[str, ...]
FieldPath = tuple[str, ...]

_RESERVED = re.compile(r"__.*__", re.DOTALL)
_NUMERIC_ID = re.compile(r"__id-?\d{1,19}__")
_PLAIN_FIELD = re.compile(r"[a-zA-Z_][a-zA-Z_0-9]*")
_FIELD_PART = re.compile(r"([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`")


@dataclass(frozen=True)
class Resource:
    """A place below a database: a document when ``segments`` is even and not empty, else a collection or the root."""

    database: str
    segments: Segments

    @property
    def name(self) -> str:
        return "/".join((self.database, "documents", *self.segments))


def parse_resource(name: str) -> Resource:
    """Split ``projects/P/databases/D/documents/…``.

    Raises:
        FirestoreError: INVALID_ARGUMENT, the name has another shape or an illegal id.
    """
    parts = name.split("/")
    if len(parts) < 5 or parts[0] != "projects" or parts[2] != "databases" or parts[4] != "documents":
        raise invalid(f'Document name "{name}" lacks "projects/*/databases/*/documents" at its beginning.')
    return Resource("/".join(parts[:4]), tuple(parts[5:]))


def parse_document(name: str) -> Resource:
    """Split a document's name and check its ids.

    Raises:
        FirestoreError: INVALID_ARGUMENT, this is not the name of a document, or an id is illegal.
    """
    resource = parse_resource(name)
    if not resource.segments or len(resource.segments) % 2:
        raise invalid(f'Document name "{name}" must have an even number of path segments below "documents".')
    for position, segment in enumerate(resource.segments):
        check_id(segment, is_document=position % 2 == 1)
    return resource


def parse_parent(name: str) -> Resource:
    """Split the name of a document, or of the root ``…/documents``, below which collections live.

    Raises:
        FirestoreError: INVALID_ARGUMENT, this is neither.
    """
    resource = parse_resource(name)
    return parse_document(name) if resource.segments else resource


def parse_database(name: str) -> str:
    """Check ``projects/P/databases/D``.

    Raises:
        FirestoreError: INVALID_ARGUMENT, the name has another shape.
    """
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "databases" or not parts[1] or not parts[3]:
        raise invalid(f'Database name "{name}" is not "projects/*/databases/*".')
    return name


def check_id(segment: str, *, is_document: bool) -> None:
    """Refuse what Google refuses: empty, dots, reserved ``__x__`` and more than 1,500 bytes.

    Numeric ids (``__id7__``) are documents that Datastore numbered; they are legal and sort before other ids.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    if segment in ("", ".", ".."):
        raise invalid(f'Resource id "{segment}" is invalid.')
    if len(segment) > MAX_ID_BYTES // 4 and len(segment.encode()) > MAX_ID_BYTES:
        raise invalid(f"The path contains an id longer than {MAX_ID_BYTES} bytes.")
    if (
        segment.startswith("__")
        and _RESERVED.fullmatch(segment)
        and not (is_document and is_numeric_id(segment))
    ):
        raise invalid(f'Resource id "{segment}" is invalid because it is reserved.')


def is_numeric_id(segment: str) -> bool:
    """Whether this is an id of the form ``__id123__``."""
    return _NUMERIC_ID.fullmatch(segment) is not None


@lru_cache(maxsize=16_384)
def parse_field_path(text: str) -> FieldPath:
    """Split ``a.b.`odd.name```.

    Raises:
        FirestoreError: INVALID_ARGUMENT, empty, malformed or reserved.
    """
    if not text:
        raise invalid("Invalid empty property path string.")
    names: list[str] = []
    position = 0
    while True:
        match = _FIELD_PART.match(text, position)
        if match is None:
            raise _malformed(text)
        plain, quoted = match.groups()
        names.append(plain if plain is not None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
        if position == len(text):
            break
        if text[position] != ".":
            raise _malformed(text)
        position += 1
    check_field_path(tuple(names))
    return tuple(names)


def check_field_path(names: FieldPath) -> None:
    """Refuse reserved and overlong names.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    for name in names:
        if name.startswith("__") and _RESERVED.fullmatch(name) and names != (DOCUMENT_ID,):
            raise invalid(f"Invalid reserved name in field path {format_field_path(names)}")
        if len(name.encode()) > MAX_ID_BYTES:
            raise invalid(f"Field name is longer than {MAX_ID_BYTES} bytes: {name[:40]}…")


def format_field_path(names: FieldPath) -> str:
    """The text that :func:`parse_field_path` reads back."""
    return ".".join(map(_quote, names))


@lru_cache(maxsize=16_384)
def _quote(name: str) -> str:
    if _PLAIN_FIELD.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _malformed(text: str) -> Exception:
    return invalid(
        f'Invalid property path "{text}". Unquoted property paths must match regex ([a-zA-Z_][a-zA-Z_0-9]*), '
        r"and quoted property paths must match regex (`(?:[^`\\]|(?:\\.))+`)"
    )
