"""How long a search takes through the search endpoint, one after another."""

import time
from statistics import median, quantiles

from tests.benchmarks.report import show
from tests.benchmarks.system import System

_QUERIES = {
    "a word": "q=boots&per_page=20",
    "a word, mistyped": "q=keybaord&per_page=20",
    "two words": "q=olive+tree&per_page=20",
    "a return's id": "q=RET-000042&per_page=20",
    "filters": "status=in_transit,received&warehouse=valencia-1&per_page=20",
    "facets over all": "facets=status,reason,warehouse&per_page=20",
    "sorted by amount": "q=boots&sort=-refund_amount&per_page=20",
}


async def show_latency(system: System, repeats: int) -> None:
    """Print the latency of each kind of query on what ``system`` holds."""
    total = await system.found()
    rows = []
    for name, query in _QUERIES.items():
        took = []
        for _ in range(repeats):
            started = time.perf_counter()
            found = await system.found(query)
            took.append((time.perf_counter() - started) * 1e3)
        rows.append((name, found, median(took), quantiles(took, n=100, method="inclusive")[98], max(took)))
    title = f"Searching {total:,} records, {repeats} times each, one after another (milliseconds, over HTTP)"
    show(title, ("query", "hits", "p50", "p99", "slowest"), rows)
