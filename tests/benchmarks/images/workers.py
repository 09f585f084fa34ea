"""Workers that render: processes, each on a core of its own, that are given one job at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.e2e.harness import ROOT

OURS = "ours"
SHARP = "sharp"
_HERE = Path(__file__).parent
_COMMANDS: Mapping[str, Sequence[str]] = {
    OURS: (sys.executable, "-m", "tests.benchmarks.images.ours"),
    SHARP: ("node", str(_HERE / "sharp.mjs")),
}


@dataclass(frozen=True)
class Job:
    """What a worker is to do, and how often. The files of the last time are left in ``directory``."""

    work: str
    path: Path
    times: int
    directory: Path

    @property
    def line(self) -> str:
        fields = {"path": str(self.path), "directory": str(self.directory)}
        return json.dumps(self.__dict__ | fields)


class Worker:
    """A process with one core."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.versions: Mapping[str, str] = self._answer()["versions"]

    def begin(self, job: Job) -> None:
        """Let it start; `finish` waits for the end."""
        assert self._process.stdin
        print(job.line, file=self._process.stdin, flush=True)

    def finish(self) -> Sequence[float]:
        """The seconds of CPU that the job took, each time."""
        return tuple(self._answer()["cpu"])

    def do(self, job: Job) -> Sequence[float]:
        """`begin` and `finish`."""
        self.begin(job)
        return self.finish()

    @property
    def peak_megabytes(self) -> float:
        """The most memory that the process ever had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("A worker has died; what it said is above.")
        return json.loads(line)


@contextmanager
def workers(kind: str, count: int = 1) -> Iterator[Sequence[Worker]]:
    """Fresh processes, on the first cores that this one may use."""
    cores = sorted(os.sched_getaffinity(0))[:count]
    if len(cores) < count:
        raise RuntimeError(f"{count} workers need {count} cores.")
    with ExitStack() as stack:
        yield [stack.enter_context(_worker(kind, core)) for core in cores]


@contextmanager
def _worker(kind: str, core: int) -> Iterator[Worker]:
    command = ("taskset", "--cpu-list", str(core), *_COMMANDS[kind])
    # Left, it closes the worker's standard input, which tells it to end.
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        yield Worker(process)
