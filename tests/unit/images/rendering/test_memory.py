"""The largest originals that are accepted fit into the memory of a small function."""

import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import functions
from functions.images.rendering import POLICY
from tests.unit.images.rendering.examples import a_png, saved

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

ROOT = Path(functions.__file__).parents[1]
LIMIT = 512 << 20
PROGRAM = """
import re, sys
from pathlib import Path
from functions.images.rendering import render
render(Path(sys.argv[1]).read_bytes())
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def a_large_png() -> bytes:
    """With transparency: four bytes a pixel."""
    side = int(POLICY.max_pixels**0.5)
    packer = zlib.compressobj(1)
    rows = [packer.compress(bytes(1 + 4 * side)) for _ in range(side)]
    return a_png(side, side, b"".join(rows) + packer.flush(), colour_type=6)


def a_large_jpeg() -> bytes:
    """Progressive, in four colours: the decoder has to keep them all before it makes the first pixel."""
    side = int(POLICY.max_pixels**0.5)
    return saved(Image.new("CMYK", (side, side), (9, 99, 9, 9)), "JPEG", progressive=True)


def a_large_webp() -> bytes:
    side = int(POLICY.pixel_limit("WEBP") ** 0.5)
    return saved(Image.new("RGBA", (side, side), (9, 99, 9, 99)), "WEBP", method=0)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is Linux's to tell")
@pytest.mark.parametrize("make", [a_large_png, a_large_jpeg, a_large_webp])
def test_the_largest_originals_take_less_than_512_mb(make: Callable[[], bytes], tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(make())
    # In a process of its own: the peak of this one is not of one original.
    command = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < LIMIT
