"""The policy: sizes that are fitted, and a revision that shows what is out of date."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from functions.images.rendering.policy import POLICY, Policy, Size

SIDES = st.integers(1, 100_000)


@given(SIDES, SIDES, SIDES)
def test_a_fitted_size_is_never_enlarged_nor_empty(width: int, height: int, longest: int) -> None:
    fitted = Size("any", longest, ("webp",)).fit(width, height)
    assert 1 <= fitted[0] <= width
    assert 1 <= fitted[1] <= height
    assert max(fitted) == min(longest, max(width, height))


def test_equal_policies_have_one_revision() -> None:
    assert Policy().revision == POLICY.revision


def test_the_revision_changes_with_what_decides_the_bytes() -> None:
    others = [
        replace(POLICY, sizes=(Size("large", 1601, ("webp", "jpeg")), *POLICY.sizes[1:])),
        replace(POLICY, sizes=(Size("large", 1600, ("avif", "jpeg")), *POLICY.sizes[1:])),
        replace(POLICY, qualities={**POLICY.qualities, "webp": (79, 60, 40)}),
    ]
    assert len({POLICY.revision, *(each.revision for each in others)}) == 4


def test_the_revision_stays_when_only_a_limit_changes() -> None:
    assert replace(POLICY, max_bytes=1).revision == POLICY.revision
