"""The runbook is true: its commands exist, it has every alert, and its links lead somewhere."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from functions.ops.cli import app
from functions.ops.replay import TARGETS
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


# What the mails say, and what the runbook says of the same.
MAILS = dict(re.findall(r"^    (\w+) = \{\n.*?<<-EOT\n(.*?)^ +EOT$", ALERTS, re.MULTILINE | re.DOTALL))
TOLD = {f"mail {name}": text for name, text in MAILS.items()} | {
    line.partition(". ")[0][:40]: line
    for part in re.split(r"\n\n", section("Alerts"))
    for line in (part.splitlines() if part.startswith("|") else [part])
}


def test_the_mails_are_found() -> None:
    assert set(MAILS) == rows("Alerts")


@pytest.mark.parametrize("where", TOLD)
def test_what_wants_the_id_of_a_run_says_what_has_it(where: str) -> None:
    wanting = re.search(
        r"`[^`]*\b(?:audit findings|audit repair|runs show|runs resume)[^`]* ID`", TOLD[where]
    )
    assert not wanting or "runs list --kind" in TOLD[where]


@pytest.mark.parametrize("alert", MAILS)
def test_a_mail_leads_to_what_operators_have_and_not_past_it(alert: str) -> None:
    """What the command line does is written down, and wants no rights in the project."""
    assert "gcloud" not in MAILS[alert]
    assert "in Firestore" not in MAILS[alert]


def test_a_command_in_a_mail_is_on_one_line() -> None:
    """Or it is not copied whole, and not looked at above."""
    assert all(line.count("`") % 2 == 0 for text in MAILS.values() for line in text.splitlines())


def test_the_events_that_it_names_are_logged() -> None:
    files = [file for folder in ("functions", "shared") for file in (ROOT / folder).rglob("*.py")]
    logged = {
        event for file in files for event in re.findall(r'"([a-z_]+\.[a-z_]+)"', file.read_text("utf-8"))
    }
    named = re.findall(r"`([a-z_]+\.[a-z_]+)`", section("Alerts") + ALERTS)
    assert {"health.checked", "task.failed"} <= set(named) <= logged


def test_what_a_replay_does_is_told_of_every_queue() -> None:
    assert rows("What a replay does") == set(TARGETS)


def test_an_apply_is_not_to_resume_in_silence_what_is_paused() -> None:
    deployments = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for text in (section("At night"), section("Queues and schedules"), deployments):
        assert "`paused_schedules`" in text


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
