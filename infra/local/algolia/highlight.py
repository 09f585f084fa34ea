"""``_highlightResult`` and ``_snippetResult``: the words of a hit that matched the query."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .matching import Term
from .schema import covers, facet_value
from .text import word_spans

_SNIPPET_WORDS = 10


@dataclass(frozen=True)
class Marking:
    """A text with its matching words between tags."""

    text: str
    matched: tuple[str, ...]
    level: str
    full: bool


class Highlighter:
    """Marks what matches ``terms``; of a word that only begins with the query's word, just that beginning.

    In the attributes of ``literal`` a misspelled word does not match.
    """

    def __init__(
        self, terms: Sequence[Term], tags: tuple[str, str], ellipsis: str, literal: Sequence[str] = ()
    ) -> None:
        self._terms = terms
        self._tags = tags
        self._ellipsis = ellipsis
        self._literal = literal

    def mark(self, path: str, text: str) -> Marking:
        """The whole text of the attribute ``path``, marked."""
        return self._mark(path, text, list(word_spans(text)), (0, len(text)))

    def snippet(self, path: str, text: str, size: int) -> Marking:
        """The ``size`` words around the densest first match, marked, with ellipses where something is left out."""
        spans = list(word_spans(text))
        if len(spans) <= size:
            return self._mark(path, text, spans, (0, len(text)))
        found = next((at for at, span in enumerate(spans) if self._matches(path, span[2])), 0)
        first = max(0, min(found - size // 2, len(spans) - size))
        window = spans[first : first + size]
        start = 0 if first == 0 else window[0][0]
        end = len(text) if first + size == len(spans) else window[-1][1]
        marked = self._mark(path, text, window, (start, end))
        before = self._ellipsis if start else ""
        after = self._ellipsis if end < len(text) else ""
        return Marking(f"{before}{marked.text}{after}", marked.matched, marked.level, False)

    def _matches(self, path: str, word: str) -> list[tuple[str, int]]:
        """The query's words that match, and how many letters of ``word`` they take."""
        found = [(term.word, *term.matches[word]) for term in self._terms if word in term.matches]
        return [
            (name, length) for name, typos, length in found if not (typos and covers(self._literal, path))
        ]

    def _mark(
        self, path: str, text: str, spans: Sequence[tuple[int, int, str]], within: tuple[int, int]
    ) -> Marking:
        opening, closing = self._tags
        parts, at, seen, whole = [], within[0], set[str](), bool(spans)
        for start, end, word in spans:
            found = self._matches(path, word)
            if not found:
                whole = False
                continue
            seen.update(query_word for query_word, _ in found)
            length = max(count for _, count in found)
            stop = end if length >= len(word) else start + _source_length(text[start:end], word, length)
            whole = whole and stop == end
            parts.append(f"{text[at:start]}{opening}{text[start:stop]}{closing}")
            at = stop
        matched = tuple(dict.fromkeys(term.word for term in self._terms if term.word in seen))
        wanted = {term.word for term in self._terms}
        level = "none" if not matched else "full" if len(matched) == len(wanted) else "partial"
        return Marking("".join(parts) + text[at : within[1]], matched, level, whole)


def _source_length(source: str, folded: str, length: int) -> int:
    """How many characters of the source the first ``length`` folded ones take; they differ in rare ligatures only."""
    return length if len(source) == len(folded) else min(len(source), length)


def highlighted(
    highlighter: Highlighter, record: dict[str, Any], attributes: Iterable[str] | None
) -> dict[str, Any]:
    """``_highlightResult`` of the attributes (``*`` or None: all but objectID), in the record's own shape."""

    def render(path: str, text: str) -> dict[str, Any]:
        marking = highlighter.mark(path, text)
        result: dict[str, Any] = {"value": marking.text, "matchLevel": marking.level}
        if marking.matched:
            result["fullyHighlighted"] = marking.full
        return {**result, "matchedWords": list(marking.matched)}

    declared = None if attributes is None else tuple(attributes)
    every = declared is None or "*" in declared

    def chosen(path: str) -> Callable[[str], dict[str, Any]] | None:
        wanted = path != "objectID" if every else covers(declared or (), path)
        return partial(render, path) if wanted else None

    return _mapped(record, chosen)


def snippeted(highlighter: Highlighter, record: dict[str, Any], attributes: Iterable[str]) -> dict[str, Any]:
    """``_snippetResult`` of ``name`` or ``name:words`` entries, in the record's own shape."""
    sizes = {}
    for entry in attributes:
        name, colon, size = entry.rpartition(":")
        sizes[name if colon and size.isdigit() else entry] = (
            int(size) if colon and size.isdigit() else _SNIPPET_WORDS
        )

    def chosen(path: str) -> Callable[[str], dict[str, Any]] | None:
        name = covers(sizes, path) or ("*" if "*" in sizes and path != "objectID" else None)
        if name is None:
            return None

        def render(text: str) -> dict[str, Any]:
            marking = highlighter.snippet(path, text, sizes[name])
            return {"value": marking.text, "matchLevel": marking.level}

        return render

    return _mapped(record, chosen)


def _mapped(record: dict[str, Any], chosen: Callable[[str], Callable[[str], Any] | None]) -> dict[str, Any]:
    """The record's texts and numbers that are chosen by path, each rendered; everything else left out."""

    def visit(path: str, value: Any) -> Any:
        if isinstance(value, dict):
            children = {name: visit(f"{path}.{name}", child) for name, child in value.items()}
            return {name: child for name, child in children.items() if child is not None} or None
        if isinstance(value, list):
            return [child for child in (visit(path, child) for child in value) if child is not None] or None
        render = chosen(path)
        if render is None or value is None or isinstance(value, bool):
            return None
        return render(value if isinstance(value, str) else facet_value(value))

    visited = {name: visit(name, value) for name, value in record.items()}
    return {name: value for name, value in visited.items() if value is not None}
