"""Plain-text tables, and the bounds that the figures are held against."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A claim, and the figure that was measured for it: the claim holds while the figure is at most ``most``."""

    claim: str
    measured: float
    most: float

    @property
    def holds(self) -> bool:
        return self.measured <= self.most


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: the first column to the left, figures to the right."""
    cells = [list(header), *([_text(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        line = "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print(f"  {line}".rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def _text(value: object) -> str:
    """Three significant digits; whole numbers in full."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def show_bounds(bounds: Sequence[Bound]) -> bool:
    """Print which claims hold; return whether all do."""
    rows = [
        (bound.claim, bound.measured, bound.most, "holds" if bound.holds else "BROKEN") for bound in bounds
    ]
    show("Claims", ("", "measured", "at most", ""), rows)
    return all(bound.holds for bound in bounds)
