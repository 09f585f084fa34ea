"""Dead letters on a terminal, whatever is in them."""

from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from functions.ops.answers import ReplayFailure
from functions.ops.tables import failures_table, letter_details, letters_table, plain
from tests.unit.ops.desk import letter


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
