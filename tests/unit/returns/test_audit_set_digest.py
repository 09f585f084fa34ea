"""Digests of sets of ids: equal for equal sets, and otherwise different just where the sets are."""

from hypothesis import given
from hypothesis import strategies as st

from functions.returns.set_digest import BUCKETS, SetDigest

ids = st.text(min_size=1, max_size=8)
sets = st.sets(ids, max_size=40)


def digest(*groups: set[str] | list[str]) -> SetDigest:
    found = SetDigest("audit-1")
    for group in groups:
        found.add(group)
    return found


@given(sets, st.randoms(use_true_random=False), st.integers(0, 40))
def test_order_and_pages_do_not_matter(members: set[str], dice: object, cut: int) -> None:
    listed = sorted(members)
    dice.shuffle(listed)  # type: ignore[attr-defined]
    assert digest(members).differing(digest(listed[:cut], listed[cut:])) == []


@given(sets, sets)
def test_the_buckets_that_differ_are_those_of_ids_that_one_side_lacks(
    ours: set[str], theirs: set[str]
) -> None:
    expected = {digest().bucket(each) for each in ours ^ theirs}
    assert set(digest(ours).differing(digest(theirs))) == expected


@given(sets, sets)
def test_a_digest_goes_on_from_its_dump(first: set[str], second: set[str]) -> None:
    dumped = digest(first).dump()
    assert SetDigest("audit-1", dumped).add(second).differing(digest(first, second)) == []


def test_an_id_that_is_met_twice_shows() -> None:
    assert digest({"R-1"}).differing(digest(["R-1", "R-1"])) == [digest().bucket("R-1")]


def test_a_dump_fits_a_job_whatever_the_number_of_ids() -> None:
    assert len(digest([f"R-{n}" for n in range(50_000)]).dump()) == len(digest().dump()) == 10_240


def test_ids_spread_over_all_buckets() -> None:
    buckets = [digest().bucket(f"R-{n}") for n in range(50 * BUCKETS)]
    sizes = [buckets.count(each) for each in (0, 1, BUCKETS // 2, BUCKETS - 1)]
    assert set(buckets) == set(range(BUCKETS))
    assert all(20 < size < 100 for size in sizes)


def test_another_key_makes_other_buckets() -> None:
    ids = [f"R-{n}" for n in range(50)]
    assert [SetDigest("a").bucket(each) for each in ids] != [SetDigest("b").bucket(each) for each in ids]
