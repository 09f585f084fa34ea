"""Pages of a bucket's objects, with folders where a delimiter makes them.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list
"""

import base64
from dataclasses import dataclass, field

from .errors import invalid
from .resources import StoredObject
from .store import Store

MAX_RESULTS = 1000
# After a folder's name it comes after all names in it, since none has more than 1024 bytes.
_BEYOND = "\U0010ffff" * 256


@dataclass(frozen=True)
class Wanted:
    """Which objects.

    Attributes:
        delimiter: what ends a folder's name; empty for none.
        folder_objects: whether an object whose name is a folder's is listed beside the folder.
        start: the least name.
        end: the name before which the list ends; empty for none.
        limit: how many objects and folders a page has at most.
    """

    prefix: str = ""
    delimiter: str = ""
    folder_objects: bool = False
    start: str = ""
    end: str = ""
    limit: int = MAX_RESULTS


@dataclass
class Page:
    """Objects and folders in the order of their names; ``token`` asks for the page after, None after the last."""

    items: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    token: str | None = None


def page(store: Store, bucket: str, wanted: Wanted, token: str | None) -> Page:
    """The page after the one that gave ``token``, or the first.

    Raises:
        StorageError: the token is none of ours.
    """
    found, position = Page(), _parse(token) or max(wanted.start, wanted.prefix)
    while stored := _first(store, bucket, wanted, position):
        if len(found.items) + len(found.prefixes) >= wanted.limit:
            found.token = base64.urlsafe_b64encode(position.encode()).decode()
            break
        folder = _folder(stored.name, wanted)
        position = folder + _BEYOND if folder else stored.name + "\0"
        if folder:
            found.prefixes.append(folder)
        if not folder or (wanted.folder_objects and stored.name == folder):
            found.items.append(stored)
    return found


def _first(store: Store, bucket: str, wanted: Wanted, position: str) -> StoredObject | None:
    """The first object from ``position`` on, a name or what could be one."""
    stored = next(store.objects(bucket, position), None)
    if stored is None or not stored.name.startswith(wanted.prefix):
        return None
    return None if wanted.end and stored.name >= wanted.end else stored


def _folder(name: str, wanted: Wanted) -> str:
    """The folder that stands for the name in the list; empty if it stands for itself."""
    if not wanted.delimiter:
        return ""
    head, delimiter, _ = name[len(wanted.prefix) :].partition(wanted.delimiter)
    return f"{wanted.prefix}{head}{delimiter}" if delimiter else ""


def _parse(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except ValueError:
        raise invalid(f"Invalid page token {token!r}.") from None
