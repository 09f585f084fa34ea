"""A name is found by its words and their beginnings, in any case and with or without accents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.products.names import (
    MAX_FOLDED,
    MAX_ORDER,
    MAX_TOKEN,
    fold,
    matches,
    name_order,
    tokens,
    words,
)
from infra.topology import load

# Small alphabets collide, and hold what folding changes: case, accents, ligatures, letters that grow.
NAMES = st.text(st.sampled_from("aAäÄßeEéoOøŁlﬁİıσςΣ한가が１½ -_'ﷺ㎏\u0301"), max_size=40) | st.text(
    max_size=200
)
INDEX_ENTRIES_OF_A_DOCUMENT = 40_000
INDEXED_BYTES_OF_A_VALUE = 1_500


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Größe", ["grosse"]),
        ("GROSSE", ["grosse"]),
        ("Gro\u0308ße", ["grosse"]),
        ("Crème brûlée", ["creme", "brulee"]),
        ("Łódź Ærø", ["lodz", "aero"]),
        ("İSTANBUL ısırgan", ["istanbul", "isirgan"]),
        ("ΣΊΣΥΦΟΣ", ["σισυφοσ"]),
        ("ＦＵＬＬ ｗｉｄｔｈ ﬁt ①", ["full", "width", "fit", "1"]),
        ("한국어 책", ["한국어", "책"]),
        ("T-shirt, 50% (new)_x", ["t", "shirt", "50", "new", "x"]),
        (" \t—★ ", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_without_case_and_accents(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(NAMES)
def test_folding_what_is_folded_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(st.text(st.sampled_from("aAäÄßeEéoOøŁlσςΣ1 -"), max_size=40))
def test_case_makes_no_difference(name: str) -> None:
    assert words(name.upper()) == words(name.lower()) == words(name)


def test_tokens_are_the_beginnings_of_each_word_up_to_fifteen_characters() -> None:
    assert tokens("Ab ab AC") == ["a", "ab", "ac"]
    assert tokens("Donaudampfschifffahrt")[-1] == "donaudampfschif"


@given(NAMES, NAMES)
def test_whatever_matches_has_the_beginning_of_each_wanted_word_among_its_tokens(
    name: str, query: str
) -> None:
    if matches(words(name), words(query)):
        assert {word[:MAX_TOKEN] for word in words(query)} <= set(tokens(name))


@given(NAMES)
def test_every_token_finds_its_name(name: str) -> None:
    for token in tokens(name):
        assert matches(words(name), words(token))


@given(NAMES, NAMES)
def test_a_name_matches_only_if_each_wanted_word_begins_one_of_its_words(name: str, query: str) -> None:
    begun = [any(word[: len(wanted)] == wanted for word in words(name)) for wanted in words(query)]
    assert matches(words(name), words(query)) == (False not in begun)


def test_the_longest_name_stays_within_the_limits_of_an_index() -> None:
    indexes = [index for index in load().firestore.indexes if "name_tokens CONTAINS" in index.fields]
    assert indexes
    assert MAX_FOLDED * len(indexes) < INDEX_ENTRIES_OF_A_DOCUMENT / 10
    assert len(name_order("\U0010ffff" * 200).encode()) <= MAX_ORDER * 4 < INDEXED_BYTES_OF_A_VALUE
    assert len(tokens("ﷺ" * 200)) <= MAX_FOLDED


def test_names_are_sorted_without_case_and_accents() -> None:
    assert sorted(["Zebra", "émail", "Eier", "Übung", "apfel"], key=name_order) == [
        "apfel",
        "Eier",
        "émail",
        "Übung",
        "Zebra",
    ]
