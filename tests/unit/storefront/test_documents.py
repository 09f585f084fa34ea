from functions.storefront.documents import WHOLE, Kind, names_of, packed
from functions.storefront.packing import MAX_PART_BYTES, entry, unpack
from functions.storefront.views import Shown, Views

LONG = b'{"categories":[%s]}' % (b" " * (2 * MAX_PART_BYTES))


def views(tree: bytes = b"{}", **levels: dict[str, bytes]) -> Views:
    none: dict[str, bytes] = {}
    fetched = {"fetch0": none, "fetch1": none, "leaves": none} | levels
    return Views(tree0=b'{"t0":1}', tree=tree, **fetched, shown=Shown(0, 0, 0, 0))


def found(views: Views, kind: Kind, key: str) -> tuple[bytes | None, int]:
    """An entry, and in how many documents it was looked for."""
    made = packed(views)
    names = names_of(made.directory, kind, key)
    return entry([unpack(made.contents[name]) for name in names], key), len(names)


def test_a_category_of_any_level_is_in_one_document() -> None:
    bodies = {level: {f"{level}-{number}": b"x" * 9_000 for number in range(50)} for level in "012"}
    made = views(fetch0=bodies["0"], fetch1=bodies["1"], leaves=bodies["2"])
    for level in "012":
        for key, body in bodies[level].items():
            assert found(made, "FETCH", key) == (body, 1)
    assert found(made, "FETCH", "1-x") == (None, 1)


def test_the_main_page_and_the_tree_have_documents_of_their_own() -> None:
    assert found(views(), "TREE0", WHOLE) == (b'{"t0":1}', 1)
    assert found(views(), "TREE", WHOLE) == (b"{}", 1)


def test_a_tree_that_is_too_large_for_a_document_is_read_from_several() -> None:
    assert found(views(tree=LONG), "TREE", WHOLE) == (LONG, 3)


def test_a_store_that_sells_nothing_has_no_categories() -> None:
    assert found(views(), "FETCH", "food") == (None, 0)
