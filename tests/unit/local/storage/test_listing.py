"""The pages of a list, put together, are the list."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.database import open_database
from infra.local.storage.listing import Wanted, page
from infra.local.storage.resources import Contents, StoredObject
from infra.local.storage.store import SCHEMA, Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
# Around what UTF-8 and UTF-16 order differently, and at the end of all characters.
NAMES = st.sets(st.text("a/b\ud7ff\ue000\U0001f4f7\U0010ffff", min_size=1, max_size=5), max_size=8)


def store_of(names: set[str]) -> Store:
    store = Store(open_database(None, SCHEMA))
    for name in names:
        store.save_object(StoredObject("goods", name, 1, 1, NOW, NOW, Contents("", 0, "", None), {}))
    return store


@settings(max_examples=60)
@given(NAMES, st.sampled_from(["", "a", "a/"]), st.sampled_from(["", "/", "\U0010ffff"]), st.integers(1, 4))
def test_pages_are_the_list(names: set[str], prefix: str, delimiter: str, limit: int) -> None:
    items, folders = [], []
    for name in sorted(names):
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if name.startswith(prefix):
            (folders if found else items).append(f"{prefix}{head}{found}" if found else name)

    store = store_of(names)
    token: str | None = ""
    listed_items: list[str] = []
    listed_folders: list[str] = []
    while token is not None:
        got = page(store, "goods", Wanted(prefix=prefix, delimiter=delimiter, limit=limit), token)
        assert len(got.items) + len(got.prefixes) <= limit
        listed_items += [stored.name for stored in got.items]
        listed_folders += got.prefixes
        token = got.token
    assert (listed_items, listed_folders) == (items, sorted(set(folders)))
