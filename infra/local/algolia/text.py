"""Words: how a text is split, folded and misspelled.

Case and diacritics are ignored (NFKD without combining marks, case-folded) and everything that is neither a letter
nor a digit separates words, as in Algolia's normalization. Languages without spaces are not segmented.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")


def fold(text: str) -> str:
    """``text`` without case and diacritics."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def words(text: str) -> list[str]:
    """The folded words of ``text``, in order."""
    if text.isascii():
        lowered = text.lower()
        return [lowered] if lowered.isalnum() else _ASCII_WORD.findall(lowered)
    return [fold(match.group()) for match in _WORD.finditer(text)]


def word_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and folded form of each word of ``text``, matching ``words`` one for one."""
    for match in _WORD.finditer(text):
        yield match.start(), match.end(), fold(match.group())


def one_edit(word: str, alphabet: Iterable[str]) -> set[str]:
    """Every non-empty string one typo away from ``word``.

    A typo is one inserted, missing or replaced character of ``alphabet``, or two swapped neighbours (optimal string
    alignment distance 1). Looking each of these up in a vocabulary costs about ``2 * len(word) * len(alphabet)``
    dictionary look-ups, whatever the size of the vocabulary.
    """
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    edits = {left + right[1:] for left, right in splits if right}
    edits.update(left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1)
    for char in alphabet:
        edits.update(left + char + right[1:] for left, right in splits if right)
        edits.update(left + char + right for left, right in splits)
    return edits - {word, ""}
