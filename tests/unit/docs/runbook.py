"""docs/operations.md, by its sections."""

import re
from pathlib import Path

RUNBOOK = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """What is below a heading, with the headings below that."""
    found = re.search(rf"^(##+) {title}\n(.*)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert found, title
    return re.split(rf"^#{{2,{len(found[1])}}} ", found[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title: str) -> set[str]:
    """What is named in the first column of a section's tables."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    names = [name for line in lines for name in re.findall("`([^`]+)`", line.split("|")[1])]
    # "`audit of returns`, `… products`"
    return {name.replace("… ", "audit of ") for name in names}
