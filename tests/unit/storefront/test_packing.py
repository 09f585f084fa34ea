from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.storefront.packing import MAX_PART_BYTES, PART_BYTES, entry, find, pack, unpack


def read(directory: list[str], parts: list[bytes], key: str) -> bytes | None:
    return entry([unpack(parts[number]) for number in find(directory, key)], key)


def test_entries_are_together_until_a_part_is_full() -> None:
    directory, parts = pack({f"{each:03}": b"x" * 1_000 for each in range(900)})
    assert directory[0] == "000"
    assert len(parts) == 3
    assert all(len(part) < PART_BYTES * 1.1 for part in parts)


def test_what_is_longer_than_a_part_is_alone() -> None:
    directory, parts = pack({"a": b"a", "b": b"b" * (PART_BYTES + 1), "c": b"c"})
    assert directory == ["a", "b", "c"]
    assert list(find(directory, "b")) == [1]
    assert len(parts) == 3


def test_what_is_longer_than_a_document_is_in_several() -> None:
    body = b"0123456789" * (MAX_PART_BYTES // 4)
    directory, parts = pack({"a": b"a", "b": body, "c": b"c"})
    assert directory == ["a", "b", "b", "b", "c"]
    assert all(len(part) < 2**20 for part in parts)
    assert read(directory, parts, "b") == body
    assert [read(directory, parts, key) for key in "abc"] == [b"a", body, b"c"]
    # What is not there costs one part, not the long one.
    assert len(find(directory, "bb")) == 1


def test_a_view_without_entries_has_no_parts() -> None:
    directory, parts = pack({})
    assert (directory, parts, list(find(directory, "a"))) == ([], [], [])


SIZES = st.integers(0, 300) | st.sampled_from([PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, MAX_PART_BYTES])


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text("ab-_Z9", max_size=3), SIZES, max_size=6), st.text("ab-_Z9", max_size=3))
@example({"": MAX_PART_BYTES + 1}, "")
def test_what_was_packed_is_found_in_one_document(sizes: Mapping[str, int], other: str) -> None:
    entries = {key: key.encode() * (size // (len(key) or 1)) or b"x" * size for key, size in sizes.items()}
    directory, parts = pack(entries)
    for key in {*entries, other}:
        assert read(list(directory), parts, key) == entries.get(key)
        assert len(find(directory, key)) <= 1 or len(entries[key]) > MAX_PART_BYTES
