"""Dead letters on a terminal."""

import json
from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from functions.ops.answers import DeadLetterView, ReplayFailure

_FIRST_LINE = 200


def plain(text: str) -> str:
    """``text`` without what a terminal would obey: errors repeat what others have sent us."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def letters_table(letters: Iterable[DeadLetterView]) -> Table:
    """A row each: what is needed to choose among them. Ids are whole, to be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "created", "queue", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("tries", justify="right")
    table.add_column("error", no_wrap=True, overflow="ellipsis", ratio=1)
    for letter in letters:
        created = f"{letter.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            letter.id, created, letter.queue, letter.status, str(letter.attempts), _first_line(letter)
        )
    return table


def letter_details(letter: DeadLetterView) -> RenderableType:
    """All there is to know of a letter, a line each."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in letter.model_dump(mode="json").items():
        if value is not None:
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


def _first_line(letter: DeadLetterView) -> Text:
    return Text(plain(letter.error.partition("\n")[0][:_FIRST_LINE]))
