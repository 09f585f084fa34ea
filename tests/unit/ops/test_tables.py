"""Dead letters on a terminal, whatever is in them."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from functions.ops.answers import ReplayFailure
from functions.ops.control_api import ScheduleAnswer
from functions.ops.operation_tables import run_details, runs_table, schedules_table
from functions.ops.tables import failures_table, letter_details, letters_table, plain
from tests.unit.ops.desk import letter, run


def shown(what: RenderableType, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(what)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


@settings(max_examples=40)
@given(st.text())
def test_nothing_that_is_shown_can_be_an_order_to_the_terminal(text: str) -> None:
    tables = (
        letters_table([letter(1, error=text)]),
        letter_details(letter(1, error=text, payload={"text": text}, reason=text)),
        failures_table([ReplayFailure(id="0" * 32, detail=text)]),
    )
    for table in tables:
        assert all(character.isprintable() or character == "\n" for character in shown(table))


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_what_can_be_read_is_left_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_an_id_is_whole_on_a_narrow_terminal() -> None:
    shown_letter = letter(7, queue="returnSyncProcessing", status="discarded", error="a long story " * 20)
    assert shown_letter.id in shown(letters_table([shown_letter]), width=60)


def test_brackets_are_no_markup() -> None:
    assert "[red]no[/red]" in shown(letters_table([letter(1, error="[red]no[/red]")]), width=160)
    assert "[/nothing]" in shown(letter_details(letter(1, error="[/nothing]")))


def test_a_list_of_runs_has_the_beginning_of_an_error_and_one_run_all_of_it() -> None:
    failed = run(
        status="failed", counts={"checked": 9}, error="a long story " * 80 + "with an end\nand a trace"
    )
    listed = shown(runs_table([failed]))
    assert ("checked 9" in listed, "a long" in listed, "…" in listed) == (True, True, True)
    assert "trace" not in listed
    assert len(listed.splitlines()) < 10
    assert "and a trace" in shown(run_details(failed))


@pytest.mark.parametrize(("status", "at"), [("done", "done"), ("failed", "comparing")])
def test_a_run_that_is_done_is_at_nothing_else(status: str, at: str) -> None:
    lines = shown(run_details(run(status=status, phase="comparing"))).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("phase")] == [at]


def test_schedules_can_be_read_on_a_narrow_terminal() -> None:
    schedule = ScheduleAnswer(
        name="supplyChainSweeper",
        cron="*/15 * * * *",
        time_zone="Etc/UTC",
        state="enabled",
        next_at=datetime(2026, 11, 20, 8, 15, tzinfo=UTC),
        last_at=datetime(2026, 11, 20, 8, tzinfo=UTC),
        last_error="",
    )
    lines = shown(schedules_table([schedule]), width=55).splitlines()[-2:]
    assert lines[0].split() == ["supplyChainSweeper", "enabled", "2026-11-20", "08:00:00"]
    assert lines[1].split() == [*schedule.cron.split(), "Etc/UTC", "well", "2026-11-20", "08:15:00"]
