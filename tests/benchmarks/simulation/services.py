"""What an attempt takes, queue by queue, and what goes wrong with it on the simulated day.

CPU times marked *measured* are docs/performance.md's, of a laptop's core, which is taken for one vCPU. All else is
*assumed*: no Google Cloud was asked. Waits are of other services and the network; each attempt draws its own around
the mean (lognormal, with a coefficient of variation of a half).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.benchmarks.simulation.load import HOUR, MONTH
from tests.benchmarks.simulation.queues import Attempt, Task

COLD_START = 0.45
"""Measured ("Cold starts"): 334 to 446 ms for the deployed functions."""

# ln(1 + cv²) with cv = ½; the mean of the factors is 1.
_VARIANCE = math.log(1.25)
_SIGMA = math.sqrt(_VARIANCE)


@dataclass(frozen=True)
class Timing:
    """An attempt's time.

    Args:
        cpu: seconds of CPU for a task.
        cpu_each: and for each unit of its size.
        wait: mean seconds of waiting.
        failing: the share of attempts that fail for no lasting reason.
        hopeless: the share of tasks that fail however often they are tried.
    """

    cpu: float
    wait: float
    cpu_each: float = 0.0
    failing: float = 0.0
    hopeless: float = 0.0


TIMINGS: Mapping[str, Timing] = {
    # A page cuts 10,000 returns. Measured ("plan: cut into batches"): 6.06 µs a return. Assumed: 20 queries that skip
    # a thousand index entries each, at 70 ms, and the names of ten tasks.
    "returnSync": Timing(cpu=0.06, wait=1.5),
    # Size: returns. Measured (100,000, "sync again", which pushes nothing): 523 µs a return; the push is in Pushing.
    # Assumed: a stream of a thousand documents, and six small calls.
    "returnSyncProcessing": Timing(cpu=0.01, cpu_each=523e-6, wait=0.5),
    # Assumed: twice the CPU of a "new product" (3.3 to 4.4 ms measured), two commits and a read at 15 ms each, and a
    # partner that answers in 200 ms, and wrongly to one request in a hundred.
    "supplyChainSync": Timing(cpu=0.007, wait=0.25, failing=0.01),
    # Assumed: an original of 2 MB from a server that takes 1.5 s for it; one in fifty fails now, one in a hundred
    # always.
    "imageFetch": Timing(cpu=0.02, wait=1.6, failing=0.02, hopeless=0.01),
    # Assumed: a listing, five deletions, and a commit.
    "imageRemoval": Timing(cpu=0.01, wait=0.25),
    # Size: a store's lines in the chunk. Measured ("fed by a feed" less "told of a category", 2,000 lines a store):
    # 24 ms for 2,000 lines, 12 µs a line, the store's bookkeeping among it. Assumed: reading ranges of parts, some 20
    # pages read and written, and one merge in four done twice, since chunks of a store take turns.
    "priceUpdates": Timing(cpu=0.0, cpu_each=1.25 * 12e-6, wait=1.2),
    # Measured ("A large store, rebuilt", with an old generation removed): 270 ms of the functions' CPU. Assumed: a
    # snapshot of 145 documents with 4.4 MB, and 34 documents with 12.5 MB written.
    "storefrontRebuild": Timing(cpu=0.27, wait=2.0),
}


@dataclass(frozen=True)
class Trouble:
    """What goes wrong from ``start`` to ``end``, in seconds of the day."""

    start: float
    end: float

    def at(self, now: float) -> bool:
        return self.start <= now < self.end


ALGOLIA_SLOW = Trouble(18 * HOUR, 19 * HOUR)
"""Algolia answers ten times as slowly, and three requests in ten with 429."""
PARTNER_DOWN = Trouble(12 * HOUR, 14 * HOUR)
"""The supply-chain API answers 503 within 50 ms, without ``Retry-After``."""

# A product's way with 503: an ordinary failure, 500 to the queue.
_DOWN = Attempt(cpu=TIMINGS["supplyChainSync"].cpu, wait=0.1, succeeds=False)
# Assumed: Algolia takes a batch of a thousand records, 1 to 2 MB, in 300 ms.
_PUSH = 0.3
_SLOWER = 10.0
_TOO_MANY = 0.3
# functions/returns/batches.py: a claim outlasts a push that may still be under way, and whoever comes before its end
# is sent away.
_CLAIM = 60.0
_SENT_AWAY = Attempt(cpu=0.005, wait=0.05, succeeds=False)
# Measured: 579 µs a return (100,000, "sync") with its push, against 523 without.
_PUSH_CPU_EACH = 56e-6


class Ordinary:
    """Takes its time, and fails now and then."""

    def __init__(self, timing: Timing, random: Random) -> None:
        self._timing = timing
        self._random = random

    def __call__(self, task: Task, now: float) -> Attempt:
        timing = self._timing
        if timing.hopeless and not task.failures:
            task.is_hopeless = self._random.random() < timing.hopeless
        failed = task.is_hopeless or (timing.failing > 0 and self._random.random() < timing.failing)
        return Attempt(timing.cpu + timing.cpu_each * task.size, self.spread(timing.wait), not failed)

    def spread(self, mean: float) -> float:
        """A wait around its mean."""
        return mean * self._random.lognormvariate(-_VARIANCE / 2, _SIGMA)


class Delivering(Ordinary):
    """Deliveries to the supply chain, which is down for a while."""

    def __call__(self, task: Task, now: float) -> Attempt:
        return _DOWN if PARTNER_DOWN.at(now) else super().__call__(task, now)


class Pushing(Ordinary):
    """Batches of the returns sync: what is new in them is pushed to Algolia, which is slow for a while."""

    def __call__(self, task: Task, now: float) -> Attempt:
        if now < task.held_until:
            return _SENT_AWAY
        attempt = super().__call__(task, now)
        if not task.is_new:
            return attempt
        is_slow = ALGOLIA_SLOW.at(now)
        if is_slow and self._random.random() < _TOO_MANY:
            task.held_until = now + _CLAIM
            return attempt._replace(succeeds=False)
        push = self.spread(_PUSH * (_SLOWER if is_slow else 1))
        return Attempt(attempt.cpu + _PUSH_CPU_EACH * task.size, attempt.wait + push, attempt.succeeds)


_SPECIAL = {"supplyChainSync": Delivering, "returnSyncProcessing": Pushing}


def handler(queue: str, random: Random) -> Ordinary:
    """What serves a queue's tasks."""
    return _SPECIAL.get(queue, Ordinary)(TIMINGS[queue], random)


LINES_A_CHUNK = MONTH.store_items // 4
"""functions/prices/planning.py cuts 50,000 lines into a power of two of chunks, of 20,000 lines at most."""
