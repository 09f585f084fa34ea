from hypothesis import given
from hypothesis import strategies as st

from infra.local.algolia.text import fold, one_edit, word_spans, words

ALPHABET = "abc"


def distance(first: str, second: str) -> int:
    """Optimal string alignment distance, straight from its definition."""
    if not first or not second:
        return len(first) + len(second)
    candidates = [
        distance(first[:-1], second) + 1,
        distance(first, second[:-1]) + 1,
        distance(first[:-1], second[:-1]) + (first[-1] != second[-1]),
    ]
    if len(first) > 1 and len(second) > 1 and first[-2:] == second[-1] + second[-2]:
        candidates.append(distance(first[:-2], second[:-2]) + 1)
    return min(candidates)


@given(st.text(ALPHABET, min_size=1, max_size=4), st.text(ALPHABET, min_size=1, max_size=5))
def test_one_edit_is_what_lies_at_distance_one(word: str, other: str) -> None:
    assert (other in one_edit(word, ALPHABET)) == (distance(word, other) == 1)


@given(st.text(max_size=40))
def test_spans_are_the_words_in_their_places(text: str) -> None:
    spans = list(word_spans(text))

    assert [folded for _, _, folded in spans] == words(text)
    assert all(fold(text[start:end]) == folded for start, end, folded in spans)


def test_case_accents_and_separators_do_not_matter() -> None:
    assert words("L'Été à Zürich, n°3_b") == ["l", "ete", "a", "zurich", "n", "3", "b"]
    assert words("e\u0301te\u0301") == words("été")
