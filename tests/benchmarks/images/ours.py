"""The product's renderer, as a worker: a job on each line of standard input, its outcome on a line of standard output.

A job is ``{"work", "path", "times", "directory"}``: do it to the original at ``path`` so many times, leave the files of
the last time in the directory. Its outcome is ``{"cpu": [seconds of each time]}``.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from functions.images.rendering import POLICY, Policy, render
from functions.images.rendering.policy import Size

COPY = replace(POLICY, sizes=(Size("copy", 1200, ("jpeg",)),))


def _rendered(policy: Policy, original: bytes) -> Mapping[str, bytes]:
    renditions = render(original, policy).renditions
    return {f"{rendition.name}.{rendition.format}": rendition.data for rendition in renditions}


_WORKS: Mapping[str, Callable[[bytes], Mapping[str, bytes]]] = {
    "all": partial(_rendered, POLICY),
    "one": partial(_rendered, COPY),
}


def _done(work: str, path: str, times: int, directory: str) -> dict[str, Any]:
    original = Path(path).read_bytes()
    spent = []
    files: Mapping[str, bytes] = {}
    for _ in range(times):
        began = time.process_time()
        files = _WORKS[work](original)
        spent.append(time.process_time() - began)
    Path(directory).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (Path(directory) / name).write_bytes(data)
    return {"cpu": spent}


def main() -> None:
    """Do jobs until standard input ends."""
    print(json.dumps({"versions": {}}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_done(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
