"""Names of products as they are searched and sorted: without regard to case and accents.

A search matches whole words and beginnings of words. Firestore can look up an element of an array, not the beginning
of one, so each product stores the beginnings of its words (:func:`tokens`).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_TOKEN = 15
"""Characters of the longest stored beginning. Longer words are told apart when they have been read."""

# Of 200 characters a few, such as "ﷺ", unfold into many more. The bound keeps a product's index entries (one for each
# token in each index over them) well within 40,000, and within 8 MiB together:
# https://firebase.google.com/docs/firestore/quotas#indexes
MAX_FOLDED = 600
# As long as a name itself, and at 4 bytes a character within the 1,500 of an indexed value.
MAX_ORDER = 200

# Letters with a stroke or grown together, which Unicode does not decompose, but people type without.
_BASES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"})
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """``text`` without case, accents and typographic variants, so that "Größe" and "GROSSE" are the same."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(
        character for character in decomposed if not unicodedata.category(character).startswith("M")
    )
    # Back to whole syllables of Korean, which the decomposition has taken apart into letters.
    return unicodedata.normalize("NFC", bare).translate(_BASES)


def words(text: str) -> list[str]:
    """The folded words of ``text``: runs of letters and digits, in their order."""
    return _WORD.findall(fold(text)[:MAX_FOLDED])


def tokens(name: str) -> list[str]:
    """What a product of this name stores to be found by: each beginning, up to 15 characters, of each word, once."""
    return sorted(
        {word[:length] for word in words(name) for length in range(1, min(len(word), MAX_TOKEN) + 1)}
    )


def name_order(name: str) -> str:
    """The key by which names are sorted."""
    return fold(name)[:MAX_ORDER]


def matches(name_words: Sequence[str], query_words: Iterable[str]) -> bool:
    """Whether every word of a query begins some word of a name; both of :func:`words`."""
    return all(any(word.startswith(wanted) for word in name_words) for wanted in query_words)
