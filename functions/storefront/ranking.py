"""How well an item sells, so that items with few views and items with many can be compared.

The share of views that became orders says little when there are few: one order in two views is no 50 %. So each item is
rated by its *posterior mean* under the beta-binomial model, with a prior that is estimated from all items of the
store (empirical Bayes)::

    rating = (orders + α) / (views + α + β)

An item without views is rated as the average, α / (α + β), and the more views it has, the more its own share counts.

α and β are found by the method of moments (J. C. Kleinman, "Proportions with extraneous variance: single and
independent samples", Journal of the American Statistical Association 68, 1973, with the views as weights). Of k items
with nᵢ views and xᵢ orders, N = Σnᵢ and p = Σxᵢ / N::

    S = Σ nᵢ (xᵢ/nᵢ - p)²                                  how far the items are from the average
    ρ = (S / p(1-p) - (k-1)) / (N - Σnᵢ²/N - (k-1))        how much of that is more than chance
    α + β = 1/ρ - 1,   α = p (α + β)

The expectation of S is p(1-p) ((k-1) + ρ (N - Σnᵢ²/N - (k-1))), whence ρ. If items differ no more than by chance, ρ is
0 or less, and α + β is the most that :data:`STRENGTHS` allows; if they differ as much as can be, it is the least.
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

# The least and the most that the average of a store may weigh, in views.
STRENGTHS = (1.0, 1e6)


@dataclass(frozen=True, slots=True)
class Prior:
    """What is thought of an item before it has been seen: ``alpha`` orders in ``alpha + beta`` views."""

    alpha: float
    beta: float

    def rating(self, views: int, orders: int) -> float:
        """The expected orders a view, between 0 and 1.

        Orders without their views, such as by telephone or from views that were not reported, count as views.
        """
        return self.ratings([(views, orders)])[0]

    def ratings(self, counts: Iterable[tuple[int, int]]) -> list[float]:
        """The :meth:`rating` of each of many items: a call for each of them would take longer than all the rest."""
        alpha, beta = self.alpha, self.beta
        # No max(), for the same reason.
        return [
            (orders + alpha) / ((views if views > orders else orders) + alpha + beta)
            for views, orders in counts
        ]


# One order in a hundred views, as sure as a hundred views make it: until there is something to learn from.
DEFAULT = Prior(1.0, 99.0)


def prior_of(counts: Iterable[tuple[int, int]]) -> Prior:
    """The prior of a store, the same for the same items in whatever order.

    Args:
        counts: views and orders of its items.

    Returns:
        The :data:`DEFAULT` for a store in which no view, or every view, became an order: there is no spread to learn
        from. If items cannot be compared, being one or of one view each, their average and the default's weight.
    """
    items = [(views if views > orders else orders, orders) for views, orders in counts if views or orders]
    views, orders = sum([seen for seen, _ in items]), sum([bought for _, bought in items])
    if not 0 < orders < views:
        return DEFAULT
    average = orders / views
    strength = _strength(items, views, average)
    return Prior(average * strength, (1 - average) * strength)


def _strength(items: Collection[tuple[int, int]], views: int, average: float) -> float:
    """α + β, by the formula above."""
    chance = len(items) - 1
    room = views - sum([seen * seen for seen, _ in items]) / views - chance
    if room <= 0:
        return DEFAULT.alpha + DEFAULT.beta
    # S in another form, Σxᵢ²/nᵢ - p²N, as a sum that does not depend on the order of the items.
    spread = math.fsum([bought * bought / seen for seen, bought in items]) - average * average * views
    excess = (spread / (average * (1 - average)) - chance) / room
    least, most = STRENGTHS
    return min(max(1 / excess - 1, least), most) if excess > 0 else most
