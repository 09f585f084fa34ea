"""Fills the tables of ``docs/costs.md`` anew: ``python -m docs.costs``."""

from pathlib import Path

from docs.costs.model import load
from docs.costs.tables import render
from infra import topology

DOCUMENT = Path(__file__).parents[1] / "costs.md"


def main() -> None:
    """Write the file."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(render(text, load(topology.load())), encoding="utf-8")


if __name__ == "__main__":
    main()
