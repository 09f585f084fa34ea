"""Ways to read a feed of prices, each in a process of its own: ``python -m tests.benchmarks.prices_contestants``.

Takes the contestant and a file, reads the file, checks each line and brings the good ones together by store; prints
what came of it as a line of JSON.
"""

import csv
import gzip
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

from pydantic import BaseModel, Field, StringConstraints, ValidationError

OURS, LOOP, JSON_LOOP = "Backstock", "loop", "loop, validate_json"


class Item(BaseModel):
    """A line as one would write its model. Nothing here is Python's own work, which would make it slower still.

    It checks less than the product: the currency need not exist, nor the price fit its decimals.
    """

    store_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    sku: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/#+@*()&%$!=~-]{1,64}$")]
    price: Annotated[Decimal, Field(ge=0, max_digits=16, decimal_places=4)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    available: bool
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    category_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    product_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{0,64}$")] = ""


def _lines(path: Path) -> TextIO:
    opened = gzip.open if path.suffix == ".gz" else open
    return cast(TextIO, opened(path, "rt", encoding="utf-8", newline=""))


def _loop(path: Path) -> tuple[int, int]:
    with _lines(path) as lines:
        rows: Iterator[Mapping[str, Any]] = (
            map(json.loads, lines) if ".jsonl" in path.name else csv.DictReader(lines)
        )
        return _by_store(rows, Item.model_validate)


def _json_loop(path: Path) -> tuple[int, int]:
    with _lines(path) as lines:
        return _by_store(lines, Item.model_validate_json)


def _by_store(rows: Iterator[Any], validate: Callable[[Any], Item]) -> tuple[int, int]:
    stores: dict[str, list[Item]] = defaultdict(list)
    bad = 0
    for row in rows:
        try:
            item = validate(row)
        except ValidationError:
            bad += 1
        else:
            stores[item.store_id].append(item)
    return sum(map(len, stores.values())), bad


def _ours(path: Path) -> tuple[int, int]:
    from functions.prices.feeds import Feed
    from functions.prices.reading import parts

    feed = Feed.of(f"feeds/bench/{path.name}")
    assert feed
    good = bad = 0
    with path.open("rb") as stream:
        for part in parts(stream, feed):
            good, bad = good + part.good, bad + part.bad
    return good, bad


def _prepare_ours() -> None:
    """What the deployed function has in memory, whether it reads or not."""
    import google.cloud.firestore
    import google.cloud.storage
    import google.cloud.tasks_v2  # noqa: F401

    import functions.prices.ingest_main  # noqa: F401


_CONTESTANTS: Mapping[str, Callable[[Path], tuple[int, int]]] = {
    OURS: _ours,
    LOOP: _loop,
    JSON_LOOP: _json_loop,
}


def main() -> None:
    """Read the file, and say what it took; how long the imports take is not counted."""
    name, path = sys.argv[1:]
    if name == OURS:
        _prepare_ours()
    began, cpu = time.perf_counter(), time.process_time()
    good, bad = _CONTESTANTS[name](Path(path))
    took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    # Not getrusage: a process begins with the peak of the one that started it.
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({**took, "good": good, "bad": bad, "megabytes": peak}))


if __name__ == "__main__":
    main()
