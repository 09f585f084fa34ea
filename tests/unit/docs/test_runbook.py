"""The runbook is true: its commands exist, it has every alert, and its links lead somewhere."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from functions.ops.cli import app
from infra import topology
from tests.unit.docs.runbook import RUNBOOK, rows, section

ROOT = Path(__file__).parents[3]
ALERTS = (ROOT / "infra" / "alerts.tf").read_text(encoding="utf-8")
# In code spans and on lines of examples; the alerts, which go out by mail, spell it out.
COMMANDS = sorted(
    {
        *re.findall(r"`(?:ops|python -m functions\.ops) ([^`\n]+)`", RUNBOOK + ALERTS),
        *re.findall(r"^\$ (?:ops|python -m functions\.ops) (.+)$", RUNBOOK, re.MULTILINE),
    }
)


def resolved(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and what is left for it."""
    command: Any = typer.main.get_command(app)
    while known := getattr(command, "commands", {}):
        name, *words = words
        assert name in known, f"{name} is none of {sorted(known)}"
        command = known[name]
    return command, words


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_it_names_exists(line: str) -> None:
    command, words = resolved(shlex.split(line))
    parameters = {name: each for each in command.params for name in each.opts}
    given = [parameters[word] for word in words if word.startswith("--")]
    values = sum(not option.is_flag for option in given)
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    assert len(words) - len(given) - values == len(arguments)
    required = [each for each in command.params if each.required and each not in arguments]
    assert all(option in given for option in required)


def test_it_has_commands() -> None:
    assert len(COMMANDS) > 20


def test_it_has_every_alert_and_what_to_do_about_it() -> None:
    alerts = set(re.findall(r"^    (\w+) = \{$", ALERTS.partition("alerts = {")[2], re.MULTILINE))
    assert alerts <= rows("Alerts")
    titles = re.findall(r"^\*\*`.*?\. ", section("Alerts"), re.MULTILINE)
    assert set(re.findall("`([^`]+)`", "".join(titles))) == rows("Alerts")


def test_the_queues_and_schedules_that_it_names_are_there() -> None:
    known = topology.load()
    pausable = {*known.queues, *known.schedules}
    assert set(re.findall("`([a-z]+[A-Z][A-Za-z]+)`", section("Queues and schedules"))) <= pausable


def test_its_links_within_lead_to_headings() -> None:
    headings = re.findall("^#+ (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub("[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_every_drill_is_told() -> None:
    drills = (ROOT / "tests" / "e2e" / "drills").glob("test_*.py")
    assert len(re.findall("^### ", section("Drills"), re.MULTILINE)) == len(list(drills))
