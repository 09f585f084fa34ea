import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.storefront.ranking import DEFAULT, STRENGTHS, Prior, prior_of

COUNTS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=20)


def test_few_views_say_little() -> None:
    prior = Prior(1, 99)
    assert prior.rating(2, 1) < prior.rating(1_000, 100)


def test_an_item_that_nobody_has_seen_is_as_the_average() -> None:
    prior = prior_of([(100, 10), (200, 30), (300, 15)])
    assert prior.rating(0, 0) == pytest.approx(55 / 600)


def test_orders_without_views_count_as_views() -> None:
    assert DEFAULT.rating(0, 7) == DEFAULT.rating(7, 7)


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 38.0), (1.0, 9.0)])
def test_the_prior_is_found_that_items_were_drawn_from(alpha: float, beta: float) -> None:
    draw = random.Random(5)
    counts = []
    for _ in range(2_000):
        share, views = draw.betavariate(alpha, beta), draw.randint(20, 80)
        counts.append((views, sum(draw.random() < share for _ in range(views))))
    prior = prior_of(counts)
    assert (prior.alpha, prior.beta) == (pytest.approx(alpha, rel=0.2), pytest.approx(beta, rel=0.2))


def test_by_hand() -> None:
    # p = 1/4, N = 40, k = 2; S = 20 (1/2 - 1/4)² + 20 (0 - 1/4)² = 2.5, over p(1-p) 40/3;
    # ρ = (40/3 - 1) / (40 - 20 - 1) = 37/57, α + β = 20/37.
    least, _ = STRENGTHS
    assert prior_of([(20, 10), (20, 0)]) == Prior(least / 4, least * 3 / 4)
    # The same with 40 items of each: ρ = (40 · 40/3 - 79) / (1600 - 20 - 79).
    strength = 1 / ((1600 / 3 - 79) / 1501) - 1
    prior = prior_of([(20, 10), (20, 0)] * 40)
    assert (prior.alpha, prior.beta) == (pytest.approx(strength / 4), pytest.approx(strength * 3 / 4))


def test_items_that_do_not_differ_are_all_as_the_average() -> None:
    _, most = STRENGTHS
    prior = prior_of([(100, 10)] * 5)
    assert prior.alpha + prior.beta == pytest.approx(most)


@pytest.mark.parametrize("counts", [[], [(0, 0)], [(50, 0), (10, 0)], [(5, 5), (0, 3)]])
def test_without_anything_to_learn_from_there_is_a_default(counts: Sequence[tuple[int, int]]) -> None:
    assert prior_of(counts) == DEFAULT


def test_a_single_item_has_its_average() -> None:
    assert prior_of([(50, 10)]) == Prior(20, 80)


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.randoms(use_true_random=False))
def test_the_prior_does_not_depend_on_the_order(
    counts: list[tuple[int, int]], shuffled: random.Random
) -> None:
    before = prior_of(counts)
    shuffled.shuffle(counts)
    assert prior_of(counts) == before


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**6))
def test_more_orders_never_rate_lower_and_more_views_never_higher(
    counts: list[tuple[int, int]], views: int, orders: int, more: int
) -> None:
    prior = prior_of(counts)
    rating = prior.rating(views, orders)
    assert 0 < rating <= 1
    assert prior.rating(views, orders + more) >= rating
    assert prior.rating(views + more, orders) <= rating
