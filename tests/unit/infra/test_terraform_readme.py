"""infra/README.md tells of every variable and output that there is, and of no other."""

import re
from pathlib import Path

import pytest

from infra.topology import TOPOLOGY_FILE, load

INFRA = TOPOLOGY_FILE.parent
README = (INFRA / "README.md").read_text("utf-8")


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("kind", "title"), [("variable", "Variables"), ("output", "Outputs")])
def test_each_is_in_its_table(kind: str, title: str) -> None:
    text = (INFRA / f"{kind}s.tf").read_text("utf-8")
    declared = re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE)
    assert re.findall(r"^\| `(\w+)` \|", section(title), re.MULTILINE) == declared


@pytest.mark.parametrize(
    "secret", sorted({each for one in load().functions.values() for each in one.secrets})
)
def test_a_secret_is_explained(secret: str) -> None:
    assert f"| `{secret}` |" in section("Secrets")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http|#)([^)#]+)", README))))
def test_a_link_leads_somewhere(link: str) -> None:
    assert Path(INFRA, link).exists(), link


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([^)]+)\)", README))))
def test_an_anchor_is_a_heading(anchor: str) -> None:
    headings = re.findall(r"^##+ (.+)$", README, re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
