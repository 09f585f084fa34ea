"""How what takes long to import is imported, for the sake of cold starts."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Import ``module`` for the first time without the garbage collector.

    What is imported stays: the collector would look through it time and again, in the block and later, and find
    nothing. Without it an import takes a tenth less.
    """
    if module in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def as_if_missing(module: str) -> Iterator[None]:
    """Let whoever wants to import ``module`` inside the block find that it is not installed, unless it is imported."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = cast("Any", None)
    try:
        yield
    finally:
        del sys.modules[module]
