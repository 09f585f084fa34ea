"""Dead letters on a terminal."""

import json
from collections.abc import Iterable

from pydantic import BaseModel
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from functions.ops.answers import DeadLetterView, ReplayFailure

# Characters of an error in a list.
_ERROR = 120


def plain(text: str) -> str:
    """``text`` without what a terminal would obey: errors repeat what others have sent us."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def letters_table(letters: Iterable[DeadLetterView]) -> Table:
    """What is needed to choose among letters, two lines or more each, on however narrow a terminal.

    Ids are whole, to be copied.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id, time", no_wrap=True)
    table.add_column("queue, status, attempts, error", overflow="fold")
    for letter in letters:
        about = f"{letter.queue}, {letter.status}, {letter.attempts}"
        when = f"{letter.created_at:%Y-%m-%d %H:%M %Z}"
        table.add_row(f"{letter.id}\n{when}", Text(f"{plain(about)}\n{beginning(letter.error)}"))
    return table


def letter_details(letter: DeadLetterView) -> RenderableType:
    """All there is to know of a letter, a line each."""
    return details(letter)


def details(answer: BaseModel) -> RenderableType:
    """What an answer says, a line each; what it does not know is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in answer.model_dump(mode="json").items():
        if value not in (None, "", {}, []):
            text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            table.add_row(name, Text(plain(text)))
    return table


def failures_table(failures: Iterable[ReplayFailure]) -> Table:
    """A row each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("not replayed", no_wrap=True)
    table.add_column("why", overflow="fold")
    for failure in failures:
        table.add_row(failure.id, Text(plain(failure.detail)))
    return table


def beginning(error: str) -> str:
    """As much of an error as a list has room for."""
    line = plain(error.partition("\n")[0])
    return line if len(line) <= _ERROR else f"{line[: _ERROR - 1]}…"
