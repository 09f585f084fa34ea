"""What operators may do from the page: each act first tells what will happen, and is done only when confirmed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from functions.ops.console.rendering import Visit
from shared.problems import Problem, invalid_fields

Values = Mapping[str, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Input:
    """A field that an operator fills in. ``hint`` is read out with it."""

    name: str
    label: str
    kind: Literal["text", "long", "check", "time"] = "text"
    hint: str = ""
    max_length: int = 500


@dataclass(frozen=True)
class Telling:
    """What an act would do.

    Args:
        title: a question.
        text: what happens, and what does not, in sentences.
        button: a verb and its object.
        facts: about what is acted upon, each with its label.
        weight: ``grave`` for what cannot be undone, or is seen by shoppers.
    """

    title: str
    text: str
    button: str
    facts: Sequence[tuple[str, str]] = ()
    inputs: Sequence[Input] = ()
    weight: Literal["ordinary", "grave"] = "ordinary"


@dataclass(frozen=True)
class Done:
    """What came of an act, in a sentence; ``path`` leads to where it is seen, if that is not where one came from."""

    notice: str
    path: str = ""


@dataclass(frozen=True)
class Act:
    """Something to be done.

    Args:
        takes: the names of its values: in the address of its confirmation, and in the form.
    """

    takes: tuple[str, ...]
    tell: Callable[[Visit, Values], Awaitable[Telling]]
    do: Callable[[Visit, Values], Awaitable[Done]]


def chosen(values: Values, name: str, kind: TypeAdapter[T]) -> T:
    """One of the values, of the kind that it has to be.

    Raises:
        Problem: 422.
    """
    try:
        return kind.validate_python(values.get(name) or None)
    except ValidationError as error:
        raise invalid_fields({name: _why(error)}) from error


def required_text(values: Values, name: str, refusal: str) -> str:
    """A text that was typed in, without the spaces around it.

    Raises:
        Problem: 422, nothing was.
    """
    if text := values.get(name, "").strip():
        return text
    raise Problem(422, "validation-failed", refusal)


def _why(error: ValidationError) -> str:
    found: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    return str(found[0]["msg"])
