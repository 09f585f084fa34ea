"""The table of entry points, as Functions Framework uses it."""

import subprocess
import sys

import pytest

import main


@pytest.mark.parametrize("name", main.ENTRY_POINTS)
def test_an_entry_point_is_found_by_its_name(name: str) -> None:
    assert hasattr(main, name)
    assert getattr(main, name).__name__ == name


def test_what_is_no_entry_point_is_refused_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"'returns_corn' is no entry point; there are: .*returns_cron"):
        main.returns_corn  # noqa: B018
    assert not hasattr(main, "__path__")


def test_the_table_alone_imports_no_function() -> None:
    program = "import sys, main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith("functions")]
