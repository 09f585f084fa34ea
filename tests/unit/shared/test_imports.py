"""What is imported is imported without the garbage collector, and without what nobody uses."""

import gc
import sys
from pathlib import Path

import pytest

from shared.imports import as_if_missing, importing


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that can be imported, and has not been."""
    (tmp_path / "backstock_example.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "backstock_example", raising=False)
    return "backstock_example"


def test_the_collector_rests_while_a_module_is_imported(module: str) -> None:
    with importing(module):
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_does_not_rest_for_what_is_imported_already() -> None:
    with importing("json"):
        assert gc.isenabled()


def test_the_collector_works_again_after_an_import_that_failed(module: str) -> None:
    with pytest.raises(ImportError), importing(module):
        raise ImportError
    assert gc.isenabled()


def test_a_module_can_be_missing_for_a_while(module: str) -> None:
    with as_if_missing(module), pytest.raises(ImportError):
        __import__(module)
    assert __import__(module).__name__ == module


def test_a_module_that_is_imported_is_not_missed(module: str) -> None:
    imported = __import__(module)
    with as_if_missing(module):
        assert __import__(module) is imported
    assert sys.modules[module] is imported
