"""The audit of the index, measured: ``python -m tests.benchmarks.audit`` (``make bench-audit``).

Prints tables, and ends with status 1 when a claimed bound is broken. docs/performance.md says what they mean.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from tests.benchmarks.audit_contestants import IN_MEMORY, OURS
from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.report import Bound, show, show_bounds
from tests.benchmarks.system import System, running
from tests.benchmarks.workload import returns

_LIBRARIES = ("google-cloud-firestore", "grpcio", "orjson", "pydantic")
# Of each kind of drift.
_DRIFTED = 50
# The product's, with nothing wrong.
_IN_ORDER = "Backstock, all well"
_EXTRA = [f"STRANGER-{number}" for number in range(_DRIFTED)]


@dataclass(frozen=True)
class Audited:
    """One audit by one contestant.

    Attributes:
        seconds, cpu: of the contestant's process, without its start.
        megabytes_before, megabytes: the most memory it has held, before the audit and at its end.
        requests: to the index.
        reads: of documents, as Google bills them.
        steps: in how many tasks it could be done.
    """

    size: int
    contestant: str
    seconds: float
    cpu: float
    megabytes_before: float
    megabytes: float
    requests: int
    reads: int
    steps: int

    @property
    def grown(self) -> float:
        return self.megabytes - self.megabytes_before


async def _audits(size: int) -> list[Audited]:
    """Audits of ``size`` returns: while all is well, and by both contestants with 150 records not as they should be."""
    async with running() as system:
        # A run of the sync in the middle of an audit would be counted with it; none comes for a quarter of an hour now.
        await asyncio.to_thread(system.cloud.wait_out_schedules)
        entries = returns(size)
        await system.ingest(entries)
        await system.sync()
        in_order = await _audit(system, size, OURS, set())
        drifted = await _drift(system, entries)
        beside = [await _audit(system, size, contestant, drifted) for contestant in (OURS, IN_MEMORY)]
        return [replace(in_order, contestant=_IN_ORDER), *beside]


async def _drift(system: System, entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """Delete, alter and add records straight in the index; their ids."""
    listed = [str(entry["return_id"]) for entry in entries if entry["status"] != "cancelled"]
    step = len(listed) // (2 * _DRIFTED)
    chosen = listed[:: step or 1][: 2 * _DRIFTED]
    deleted, altered = chosen[::2], chosen[1::2]
    requests = [
        *({"action": "deleteObject", "body": {"objectID": each}} for each in deleted),
        *(
            {"action": "partialUpdateObject", "body": {"objectID": each, "reason": "by hand"}}
            for each in altered
        ),
        *({"action": "addObject", "body": {"objectID": each, "account": "nobody"}} for each in _EXTRA),
    ]
    environment = system.cloud.environment
    headers = {
        "X-Algolia-Application-Id": environment["ALGOLIA_APP_ID"],
        "X-Algolia-API-Key": environment["ALGOLIA_API_KEY"],
    }
    address = f"http://{environment['ALGOLIA_HOST']}/1/indexes/{environment['ALGOLIA_RETURNS_INDEX']}/batch"
    async with (
        aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
        session.post(address, json={"requests": requests}),
    ):
        return {*deleted, *altered, *_EXTRA}


async def _audit(system: System, size: int, contestant: str, drifted: set[str]) -> Audited:
    """
    Raises:
        RuntimeError: it has not found just what is wrong.
    """
    async with system.measured() as spans:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.audit_contestants", contestant),
            env=os.environ | system.cloud.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{contestant} failed")
    result = json.loads(output)
    kinds = dict.fromkeys(("missing", "extra", "different"), _DRIFTED) if drifted else {}
    if set(result.pop("ids")) != drifted or result.pop("kinds") != kinds:
        raise RuntimeError(f"{contestant} has not found what is wrong, or more than that")
    counts = spans[0].counts
    asked = ("write_requests", "search_requests", "browse_requests", "other_reads")
    requests = sum(counts.get(name, 0) for name in asked)
    # Without what each contestant does before it is measured.
    return Audited(size, contestant, requests=requests - 1, reads=counts["reads"] - 1, **result)


def _show(audits: Sequence[Audited]) -> None:
    show(
        f"An audit of the index: all well, and with {3 * _DRIFTED} records that are not as they should be",
        ("returns", "", "seconds", "CPU s", "peak MB", "of it the audit's", "steps"),
        [(f"{a.size:,}", a.contestant, a.seconds, a.cpu, a.megabytes, a.grown, a.steps) for a in audits],
    )
    show(
        "What it takes, whatever the machine",
        ("returns", "", "requests to the index", "documents read", "reads a return"),
        [(f"{a.size:,}", a.contestant, a.requests, a.reads, a.reads / a.size) for a in audits],
    )


def _bounds(audits: Sequence[Audited]) -> list[Bound]:
    ours = [each for each in audits if each.contestant == OURS]
    clean = [each for each in audits if each.contestant == _IN_ORDER]
    least, most, well = ours[0], ours[-1], clean[-1]
    size = f"{most.size:,}"
    return [
        Bound(f"MB of an audit of {size} over one of {least.size:,}", most.grown / least.grown, 1.5),
        Bound(f"MB that an audit of {size} takes", most.grown, 60),
        # One for a page of returns and one for a page of ids.
        Bound("all well: requests for 1,000 returns", well.requests / well.size * 1_000, 2.2),
        Bound("all well: documents read a return", well.reads / well.size, 1.01),
        # Every page has something wrong, and a stranger in each of 50 buckets sends the walk through the ids once more.
        Bound("drift on every page: requests for 1,000 returns", most.requests / most.size * 1_000, 4.5),
        Bound("drift on every page: documents read a return", most.reads / most.size, 1.08),
    ]


async def _run(sizes: Sequence[int]) -> bool:
    show_machine(_LIBRARIES)
    audits = [audited for size in sorted(sizes) for audited in await _audits(size)]
    _show(audits)
    show_load()
    return show_bounds(_bounds(audits))


def main() -> int:
    """Measure, print, and judge; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.audit", description="Measure the audit of the index."
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    return 0 if asyncio.run(_run(parser.parse_args().sizes)) else 1


if __name__ == "__main__":
    sys.exit(main())
