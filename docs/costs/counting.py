"""Count what a unit of work takes, on a local cloud: ``python -m docs.costs.counting URL DATA_DIR``.

The cloud is one of ``make run SEED=none`` with nothing in it yet. Its services count reads, writes, deletes, requests
and tasks as Google bills them; the functions' log is measured in its file. What comes out is what ``workload.yaml``
says was counted. It follows from the code alone: only the lengths of log lines, which hold times, differ from run to
run, and whether a storefront's older generation is removed by its rebuild or by the night's sweep.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import yaml

from infra.local.demo.returns import demo_returns
from infra.topology import load

# A run of the sync in a month of a million changes: 1,000,000 / 2,880.
_RETURNS, _RUNS, _RUN_SECONDS = 347, 6, 900
_DAY = date(2026, 1, 1)
_PRODUCTS, _IMAGES = 25, 4
_READS = 100
_STORES, _ITEMS, _DAYS, _DAY_SECONDS = 20, 2_000, 4, 86_400
# The market of `make bench-storefront`: categories in three levels.
_LEVELS = (20, 300, 2_680)
_BATCH = 500
_IDLE_SECONDS = 300
# After the schedules of the night; and half a day later, late in a quarter of an hour.
_MORNING, _EVENING = 5 * 3_600, 18 * 3_600 + 800

Counts = Mapping[str, float]


class LocalCloud:
    """A running local cloud, and its functions' log."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=_IDLE_SECONDS + 10)
        self._log = log

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The JSON of an answer to an operator who may do everything.

        Raises:
            httpx.HTTPStatusError: it is no success.
        """
        roles = "ops,seller,warehouse,retailer"
        token = self._http.get(f"/_local/token?sub=cost&roles={roles}", headers={"Accept": "text/plain"}).text
        headers = {"Authorization": f"Bearer {token}", **request.pop("headers", {})}
        answer = self._http.request(method, path, headers=headers, **request).raise_for_status()
        return answer.json() if answer.content else None

    def settle(self, seconds: float = 0) -> None:
        """Let time pass, and whatever is due then come to its end."""
        if seconds:
            self.call("POST", "/_local/clock:advance", json={"seconds": seconds})
        self.call("POST", f"/_local/idle?timeout={_IDLE_SECONDS}")

    def settle_until(self, part: float, period: float) -> None:
        """Settle at the next time that is ``part`` seconds into one of the periods that days are made of."""
        now = datetime.fromisoformat(self.call("GET", "/_local/clock")["now"]).timestamp()
        self.settle((part - now) % period)

    def counted(self) -> Counter[str]:
        """All counters by now; ``log`` in bytes, ``log.info`` those of them that WARNING would leave out."""
        stats = self.call("GET", "/_local/stats")
        queues = self.call("GET", "/_local/queues")
        counts = Counter({name: stats["firestore"][name] for name in ("reads", "writes", "deletes")})
        counts["storage"] = stats["storage"]["requests"]
        counts["index operations"] = stats["algolia"]["index_operations"]
        counts["algolia requests"] = stats["algolia"]["write_requests"]
        counts.update({f"events.{name}": each["attempts"] for name, each in stats["events"].items()})
        counts.update({f"tasks.{name}": each["dispatched"] for name, each in queues.items()})
        return counts + self._logged()

    def _logged(self) -> Counter[str]:
        lines = self._log.read_bytes().splitlines()
        info = [line for line in lines if b'"severity":"INFO"' in line]
        return Counter({"log": sum(map(len, lines)), "log.info": sum(map(len, info)), "lines": len(lines)})

    @contextmanager
    def counting(self, units: int) -> Iterator[dict[str, float]]:
        """Count the block; the dictionary holds what a unit took, afterwards."""
        before, took = self.counted(), dict[str, float]()
        yield took
        took |= {name: round(count / units, 3) for name, count in (self.counted() - before).items()}


def _schedules(cloud: LocalCloud) -> Iterator[tuple[str, Counts]]:
    """Each scheduled job, with nothing to do, on a system that has been running for hours: some look back.

    What happens once a night has happened, and long ago: to ask for it now is to begin it, whatever the time is.
    """
    cloud.settle_until(_MORNING, _DAY_SECONDS)
    cloud.settle_until(_EVENING, _DAY_SECONDS)
    for _ in range(4):
        cloud.settle(_RUN_SECONDS)
    for job in load().schedules:
        with cloud.counting(1) as took:
            cloud.call("POST", f"/_local/schedules/{job}:run")
            cloud.settle()
        yield job, took


def _sync(cloud: LocalCloud) -> Iterator[tuple[str, Counts]]:
    """Returns in the middle of each quarter of an hour, until each run sees those of two others before it."""
    # What is due in a leap runs at its end: begun late in a quarter, the returns would come right after the run.
    cloud.settle_until(0, _RUN_SECONDS)
    with cloud.counting(1) as nothing:
        cloud.settle(_RUN_SECONDS / 2)
        cloud.settle(_RUN_SECONDS / 2)
    returns = demo_returns(_DAY, _RUNS * _RETURNS)
    for _ in range(_RUNS):
        batch = {"returns": [_without_time(entry) for entry in islice(returns, _RETURNS)]}
        with cloud.counting(1) as quarter:
            cloud.settle(_RUN_SECONDS / 2)
            cloud.call("POST", "/returns/batch", json=batch)
            cloud.settle(_RUN_SECONDS / 2)
    # Only the last one is told: from the third on they are alike.
    yield "returns batch", _more(quarter, nothing)


def _more(counts: Counts, nothing: Counts) -> Counts:
    """What something takes, beyond what the same time takes when nothing happens in it."""
    more = {name: round(count - nothing.get(name, 0), 3) for name, count in counts.items()}
    return {name: count for name, count in more.items() if count}


def _without_time(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A return whose status does not change by itself: a run finds it once."""
    return {name: value for name, value in entry.items() if name not in ("next_status", "next_status_at")}


def _catalog(cloud: LocalCloud) -> Iterator[tuple[str, Counts]]:
    """Products without images, then with them, then read."""
    with cloud.counting(_PRODUCTS) as bare:
        for number in range(_PRODUCTS):
            cloud.call("POST", "/products", json=_product(number))
        cloud.settle()
    yield "product without images", bare
    ids = []
    with cloud.counting(_PRODUCTS) as pictured:
        for number in range(_PRODUCTS):
            urls = [f"{cloud.url}/_local/pictures/photo-{number * _IMAGES + n}.jpg" for n in range(_IMAGES)]
            ids.append(
                cloud.call("POST", "/products", json=_product(number) | {"product_images": urls})["id"]
            )
        cloud.settle()
    yield "product with four images", pictured
    cloud.settle(_RUN_SECONDS)
    with cloud.counting(len(ids)) as cold:
        for product_id in ids:
            cloud.call("GET", f"/products/{product_id}")
    yield "product read, not cached", cold


def _audits(cloud: LocalCloud) -> Iterator[tuple[str, Counts]]:
    """What audits read of what there is by now; what else they take is of the job, a handful of whatever size."""
    units = {"returns": _RUNS * _RETURNS / 1_000, "products": 2 * _PRODUCTS, "images": _PRODUCTS * _IMAGES}
    for subject, count in units.items():
        cloud.settle()
        with cloud.counting(1) as took:
            cloud.call("POST", "/ops/jobs", json={"kind": "audit", "subject": subject})
            cloud.settle()
        yield f"{subject} audited", {"reads": round(took["reads"] / count, 3)}


def _product(number: int) -> dict[str, Any]:
    return {"product_name": f"Trail shoe {number}", "product_price": "89.90", "currency": "EUR"}


def _storefronts(cloud: LocalCloud) -> Iterator[tuple[str, Counts]]:
    """A feed a day, with other prices for a tenth of the items; and the night between."""
    categories = list(_categories())
    for start in range(0, len(categories), _BATCH):
        cloud.call("POST", "/categories/batch", json={"categories": categories[start : start + _BATCH]})
    cloud.settle(_RUN_SECONDS)
    with cloud.counting(_STORES) as nothing:
        cloud.settle(_DAY_SECONDS)
    for day in range(_DAYS):
        with cloud.counting(_STORES) as fed:
            cloud.call("PUT", "/_local/feeds/grocer/daily.csv", content=_feed(day))
            cloud.settle()
        # Everything that is scheduled fires once in the leap.
        with cloud.counting(_STORES) as night:
            cloud.settle(_DAY_SECONDS)
    yield "store fed", fed
    yield "store rebuilt in the night", _more(night, nothing)
    with cloud.counting(_READS) as shown:
        for _ in range(_READS):
            cloud.call("GET", "/storefront/shop-1")
    yield "main page read", shown


def _categories() -> Iterator[dict[str, Any]]:
    tops, seconds, thirds = _LEVELS
    yield from ({"id": f"d{n}", "parent_id": None, "name": f"Department {n}"} for n in range(tops))
    yield from ({"id": f"k{n}", "parent_id": f"d{n % tops}", "name": f"Kind {n}"} for n in range(seconds))
    yield from ({"id": f"w{n}", "parent_id": f"k{n % seconds}", "name": f"Way {n}"} for n in range(thirds))


def _feed(day: int) -> bytes:
    lines = [
        f"shop-{store},{item:05},{1 + item % 90 + (item % 10 == day % 10) * (day + 1)}.95,EUR,yes,"
        f"Item number {item} 500 g,w{item % _LEVELS[2]}\n"
        for store in range(_STORES)
        for item in range(_ITEMS)
    ]
    return "".join(["store_id,sku,price,currency,available,name,category_id\n", *lines]).encode()


def counts(cloud: LocalCloud) -> Iterator[tuple[str, Counts]]:
    """What each unit takes, by its name."""
    for part in (_schedules, _sync, _catalog, _audits, _storefronts):
        yield from part(cloud)


def main(url: str, data_dir: str) -> None:
    """Count everything, and print it as it comes."""
    for name, took in counts(LocalCloud(url, Path(data_dir) / "functions.log")):
        sys.stdout.write(yaml.safe_dump({name: dict(took)}, sort_keys=False))
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
