"""Ways to audit the index, each in a process of its own: ``python -m tests.benchmarks.audit_contestants``.

Takes the contestant, and the local cloud from the environment; prints what came of it as a line of JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.returns.auditing import Audit
from functions.returns.auditing_sides import Sides
from functions.returns.projection import Record, Save, decide
from shared import clients
from shared.clock import utc_now
from shared.jobs.records import Job
from shared.return_sync.runs import SyncRuns
from shared.return_sync.walk import COLLECTION
from shared.search import SearchIndex
from shared.settings import settings

OURS, IN_MEMORY = "Backstock", "both sides in memory"


@dataclass
class Found:
    """What a contestant has found, and how many steps it took."""

    kinds: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)
    steps: int = 1


def _index() -> SearchIndex:
    config = settings()
    return SearchIndex(clients.algolia(config, config.algolia_api_key), config.algolia_returns_index)


async def _ours() -> Found:
    """The product's audit, step by step; what each costs the job itself (a read, a write, a task) comes on top."""
    db, index, found = clients.firestore(), _index(), Found(steps=0)
    runs = SyncRuns(db, utc_now)
    audit = Audit(lambda: Sides(db, runs, index, settings().algolia_max_record_bytes), utc_now)
    job = Job("audit-returns-bench", "audit", "returns", "running", "", 0, 0, datetime.now(UTC), "bench", "")
    while True:
        step = await audit.step(job)
        found.steps += 1
        found.kinds.update(each.kind for each in step.findings)
        found.ids += [each.id for each in step.findings]
        if step.is_last:
            return found
        job = replace(job, state=step.state, step=job.step + 1)


async def _in_memory() -> Found:
    """As one would write it: all records into one dictionary, all projections into another, and compare.

    It gets every advantage: plain dictionaries instead of the official client's models, the product's own projection,
    and a system at rest, since it cannot tell what is wrong from what is yet to come in.
    """
    db, index = clients.firestore(), _index()
    records: dict[str, Record] = {}
    page = await index.browse(["*"])
    while True:
        records |= {hit["objectID"]: hit for hit in page.hits}
        if not page.cursor:
            break
        page = await index.browse(["*"], page.cursor)
    wanted: dict[str, Record] = {}
    async for snapshot in db.collection(COLLECTION).stream():
        match decide(
            snapshot.id, snapshot.to_dict() or {}, datetime.now(UTC), settings().algolia_max_record_bytes
        ):
            case Save(record=record):
                wanted[snapshot.id] = record
    both = records.keys() & wanted.keys()
    kinds = {
        "missing": wanted.keys() - records.keys(),
        "extra": records.keys() - wanted.keys(),
        "different": {each for each in both if records[each] != wanted[each]},
    }
    found = Found(Counter({kind: len(ids) for kind, ids in kinds.items()}))
    found.ids = [each for ids in kinds.values() for each in ids]
    return found


def _peak() -> float:
    """The most memory that this process has held resident, in MB.

    Not as getrusage has it, which begins with what the parent held.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1_000


async def _measured(contestant: str) -> dict[str, Any]:
    # Connections and lazy imports are of both.
    await clients.firestore().collection(COLLECTION).limit(1).get()
    await _index().browse([])
    before, started, cpu = _peak(), time.perf_counter(), time.process_time()
    found = await (_ours() if contestant == OURS else _in_memory())
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "megabytes_before": before,
        "megabytes": _peak(),
        "kinds": dict(found.kinds),
        "ids": sorted(found.ids),
        "steps": found.steps,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(sys.argv[1]))))
