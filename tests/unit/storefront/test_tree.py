from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.storefront.tree import MAX_LEVELS, Category, CategoryTree, Placement, TreeRefusal

FRUIT = Category("fruit", None, 0, "Fruit & Vegetables")
FRESH = Category("fresh", "fruit", 1, "Fresh vegetables")
ROOTS = Category("roots", "fresh", 2, "Roots")
DAIRY = Category("dairy", None, 0, "Dairy")
GREENS = CategoryTree({each.id: each for each in (FRUIT, FRESH, ROOTS, DAIRY)})


def put(category_id: str, parent_id: str | None, level: int | None = None) -> Placement:
    return Placement(id=category_id, parent_id=parent_id, level=level, name=category_id)


def records(tree: CategoryTree) -> dict[str, Category]:
    return {each.id: each for each in tree}


def refused(tree: CategoryTree, *placements: Placement) -> TreeRefusal:
    with pytest.raises(TreeRefusal) as raised:
        tree.put_all(placements)
    return raised.value


def test_a_new_category_is_one_level_below_its_parent() -> None:
    assert GREENS.put(put("carrots", "roots")) == {"carrots": Category("carrots", "roots", 3, "carrots")}


def test_what_is_there_already_changes_nothing() -> None:
    again = Placement(id="fresh", parent_id="fruit", level=1, name="Fresh vegetables")
    assert GREENS.put(again) == {}


def test_a_subtree_moves_with_its_levels() -> None:
    assert GREENS.put(Placement(id="fresh", name="Fresh vegetables")) == {
        "fresh": Category("fresh", None, 0, "Fresh vegetables"),
        "roots": Category("roots", "fresh", 1, "Roots"),
    }


def test_a_new_name_changes_nothing_below_it() -> None:
    assert list(GREENS.put(Placement(id="fruit", name="Greengrocery"))) == ["fruit"]


def test_a_batch_may_have_children_before_their_parents() -> None:
    changes = GREENS.put_all([put("c", "b"), put("b", "a"), put("a", "dairy")])
    assert {each.id: each.level for each in changes.values()} == {"a": 1, "b": 2, "c": 3}


def test_a_batch_may_turn_a_subtree_upside_down() -> None:
    changes = GREENS.put_all([put("roots", None), put("fresh", "roots"), put("fruit", "fresh")])
    assert {each.id: each.level for each in changes.values()} == {"roots": 0, "fresh": 1, "fruit": 2}


def test_a_loop_is_refused_and_shown() -> None:
    refusal = refused(GREENS, put("fruit", "roots"))
    assert (refusal.kind, refusal.category_id) == ("cycle", "fruit")
    assert refusal.path == ("fruit", "fresh", "roots", "fruit")
    assert "fruit > fresh > roots > fruit" in refusal.detail


def test_a_category_is_not_below_itself() -> None:
    assert refused(GREENS, put("dairy", "dairy")).path == ("dairy", "dairy")


def test_a_missing_parent_is_named() -> None:
    refusal = refused(GREENS, put("milk", "drinks"))
    assert (refusal.kind, refusal.category_id, refusal.path) == ("orphan", "milk", ("drinks", "milk"))
    assert "drinks > milk" in refusal.detail


def test_another_level_than_it_has_is_refused_with_the_levels_above() -> None:
    refusal = refused(GREENS, put("carrots", "roots", level=1))
    assert (refusal.kind, refusal.path) == ("wrong-level", ("fruit", "fresh", "roots", "carrots"))
    assert "Its level is 3, not 1: fruit (0) > fresh (1) > roots (2) > carrots (3)" in refusal.detail


def test_only_who_is_at_fault_is_refused() -> None:
    # Both ends of a loop are; what is below a loop, or below an orphan, is not.
    batch = [put("a", "b"), put("b", "a"), put("below", "a"), put("lost", "nowhere"), put("under", "lost")]
    assert [(each.kind, each.category_id) for each in GREENS.refusals(batch)] == [
        ("cycle", "a"),
        ("cycle", "b"),
        ("orphan", "lost"),
    ]


def test_the_same_category_twice_is_refused_even_if_both_say_the_same() -> None:
    refusal = refused(GREENS, put("milk", "dairy"), put("milk", "dairy"), put("lost", "nowhere"))
    assert (refusal.kind, refusal.category_id) == ("repeated", "milk")


def test_a_category_with_children_is_not_removed() -> None:
    with pytest.raises(TreeRefusal) as raised:
        GREENS.removed("fresh")
    assert (raised.value.kind, raised.value.path) == ("has-children", ("fruit", "fresh", "roots"))


def test_one_without_children_is_removed_from_its_parent() -> None:
    without = GREENS.removed("roots")
    assert (without.get("roots"), without.children("fresh"), len(without)) == (None, [], 3)


def test_a_path_begins_at_the_top() -> None:
    assert [each.id for each in GREENS.path("roots")] == ["fruit", "fresh", "roots"]
    assert GREENS.path("nowhere") == []


def test_children_are_in_the_order_of_their_names() -> None:
    assert [each.id for each in GREENS.children(None)] == ["dairy", "fruit"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201])
def test_a_name_is_text_on_one_line(name: str) -> None:
    with pytest.raises(ValidationError):
        Placement(id="milk", name=name)


def chain(levels: int) -> CategoryTree:
    """Categories "0", "1" and so on, each below the one before."""
    placements = [put("0", None), *(put(str(each), str(each - 1)) for each in range(1, levels))]
    return CategoryTree({}).changed(CategoryTree({}).put_all(placements))


def test_a_long_chain_moves_as_one_and_is_shown_by_its_ends() -> None:
    tree = chain(MAX_LEVELS - 1)
    moved = tree.changed(tree.put_all([put("top", None), put("0", "top")]))
    last = str(MAX_LEVELS - 2)
    assert moved.path(last)[-1].level == MAX_LEVELS - 1
    assert len(refused(moved, put("top", last)).detail) < 300


def test_a_chain_has_so_many_levels_and_no_more() -> None:
    refusal = refused(chain(MAX_LEVELS), put("more", str(MAX_LEVELS - 1)))
    assert (refusal.kind, refusal.category_id, len(refusal.path)) == ("too-deep", "more", MAX_LEVELS + 1)


def test_what_moves_along_must_not_come_too_deep_either() -> None:
    refusal = refused(chain(MAX_LEVELS), put("top", None), put("0", "top"))
    assert (refusal.kind, refusal.path) == ("too-deep", ("top", "0"))
    assert f"{MAX_LEVELS - 1} would be at level {MAX_LEVELS}" in refusal.detail


IDS = st.sampled_from("abcdef")
BATCHES = st.lists(
    st.builds(
        put, IDS, st.none() | st.sampled_from("abcdefz"), st.none() | st.integers(min_value=0, max_value=3)
    ),
    min_size=1,
    max_size=5,
)


def depth(tree: CategoryTree, category: Category) -> int:
    seen = {category.id}
    above = category.parent_id
    while above is not None:
        assert above not in seen, "a loop"
        seen.add(above)
        parent = tree.get(above)
        assert parent, "an orphan"
        above = parent.parent_id
    return len(seen) - 1


@settings(max_examples=70, deadline=None)
@given(st.lists(BATCHES | IDS, max_size=6))
def test_whatever_is_accepted_leaves_a_tree(steps: Sequence[Sequence[Placement] | str]) -> None:
    tree = CategoryTree({})
    for step in steps:
        before = records(tree)
        try:
            after = tree.removed(step) if isinstance(step, str) else tree.changed(tree.put_all(step))
        except TreeRefusal:
            assert records(tree) == before
            continue
        tree = after
        assert all(each.level == depth(tree, each) for each in tree)
        if not isinstance(step, str):
            placed = {each.id: (each.parent_id, each.name) for each in step}
            untouched = {key: (each.parent_id, each.name) for key, each in before.items()}
            assert {each.id: (each.parent_id, each.name) for each in tree} == untouched | placed


@settings(max_examples=60, deadline=None)
@given(BATCHES)
def test_a_batch_is_the_same_in_any_order(batch: Sequence[Placement]) -> None:
    there, back = (
        sorted((each.kind, each.category_id) for each in GREENS.refusals(order))
        for order in (batch, batch[::-1])
    )
    assert there == back
    if not there:
        assert GREENS.put_all(batch) == GREENS.put_all(batch[::-1])
