"""Algolia's filter language, parsed to a conjunction of disjunctions.

Grammar (https://www.algolia.com/doc/api-reference/api-parameters/filters and "Filters and boolean operators")::

    filters  = group { "AND" group }
    group    = literal | "(" literals ")" | literals           -- the last only when it is the whole expression
    literals = literal { "OR" literal }
    literal  = ["NOT"] ( attribute ":" value | attribute op number | attribute ":" number "TO" number | tag )

Refused as by Algolia: AND inside OR, NOT of a group, parentheses around AND, and one OR over filters of different
kinds (facet, number, tag). ``A AND B OR C`` without parentheses is refused too: the documentation gives no precedence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import orjson

from .errors import bad_request, not_implemented

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class FacetIs:
    """The facet has this value; letter case does not matter."""

    attribute: str
    value: str
    negated: bool = False


@dataclass(frozen=True)
class TagIs:
    """``_tags`` contains this value; letter case matters."""

    value: str
    negated: bool = False


@dataclass(frozen=True)
class Compare:
    """Some number of the attribute stands in this relation to ``bound``."""

    attribute: str
    operator: Operator
    bound: float
    negated: bool = False


@dataclass(frozen=True)
class Between:
    """Some number of the attribute lies in ``[lower, upper]``."""

    attribute: str
    lower: float
    upper: float
    negated: bool = False


Filter = FacetIs | TagIs | Compare | Between
Conjunction = list[list[Filter]]
"""Every group must hold; a group holds when one of its filters does."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator><=|>=|!=|=|<|>)
      | (?P<mark>[():])
      | (?P<word>(?:[^\s()"'<>=!:\\]|!(?!=)|\\.)(?:[^\s()<>=!:\\]|!(?!=)|\\.)*)
    )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"AND", "OR", "NOT", "TO"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(source: str) -> Iterator[_Token]:
    position, end = 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise bad_request(
                f"filters: Unexpected character at col {position}: {source[position : position + 10]!r}"
            )
        kind, text = match.lastgroup, match.group(match.lastgroup)
        if kind == "quoted":
            kind, text = "value", _unescape(text[1:-1])
        elif kind == "word":
            kind, text = ("keyword", text) if text in _KEYWORDS else ("value", _unescape(text))
        yield _Token(kind, text, match.start(match.lastgroup))
        position = match.end()
    yield _Token("end", "end of filters", len(source))


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def parse_filters(source: str) -> Conjunction:
    """The groups of a ``filters`` expression; none when it is blank.

    Raises:
        ApiError: 400 with the column of the mistake.
    """
    return _Parser(source).expression() if source.strip() else []


class _Parser:
    """Recursive descent over the grammar above; one token of look-ahead."""

    def __init__(self, source: str) -> None:
        self._tokens = list(_tokens(source))
        self._at = 0

    def expression(self) -> Conjunction:
        groups, bare_or = [], False
        while True:
            parenthesised = self._take("mark", "(")
            groups.append(self._literals())
            if parenthesised:
                self._close_group()
            bare_or |= not parenthesised and len(groups[-1]) > 1
            if not self._take("keyword", "AND"):
                break
        if self._peek().kind != "end":
            self._fail("AND or end of filters")
        if bare_or and len(groups) > 1:
            raise bad_request("filters: put parentheses around OR when it is combined with AND")
        return groups

    def _close_group(self) -> None:
        if self._peek().text == "AND":
            raise bad_request("filters: filter (X AND Y) is not allowed, only (X OR Y) may be in parentheses")
        if not self._take("mark", ")"):
            self._fail("OR or )")

    def _literals(self) -> list[Filter]:
        group = [self._literal()]
        while self._take("keyword", "OR"):
            group.append(self._literal())
        _refuse_mixed(group)
        return group

    def _literal(self) -> Filter:
        negated = self._take("keyword", "NOT")
        if self._peek().text == "(" and self._peek().kind == "mark":
            message = "NOT of a group" if negated else "X OR (Y AND Z), or nested parentheses"
            raise bad_request(f"filters: {message} is not allowed at col {self._peek().position}")
        name = self._value("an attribute or a tag")
        if self._peek().kind == "operator":
            operator: Any = self._next().text
            return Compare(name, operator, self._number(), negated)
        if not self._take("mark", ":"):
            return _quoted_whole(name, negated)
        value = self._value("a value")
        while self._take("mark", ":"):
            value = f"{value}:{self._value('a value')}"
        if self._take("keyword", "TO"):
            return Between(name, _number(value), self._number(), negated)
        if self._peek().text == "<" and self._peek().kind == "operator":
            raise not_implemented("filter scores (<score=…>)")
        return TagIs(value, negated) if name == "_tags" else FacetIs(name, value, negated)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        found = self._peek().kind == kind and self._peek().text == text
        self._at += found
        return found

    def _value(self, expected: str) -> str:
        if self._peek().kind != "value":
            self._fail(expected)
        return self._next().text

    def _number(self) -> float:
        return _number(self._value("a number"))

    def _fail(self, expected: str) -> NoReturn:
        token = self._peek()
        raise bad_request(
            f"filters: Unexpected token {token.text} expected {expected} at col {token.position}"
        )


def _quoted_whole(text: str, negated: bool) -> Filter:
    """``"attribute:value"`` in one pair of quotes is a facet filter; anything else that stands alone is a tag."""
    attribute, colon, value = text.partition(":")
    return (
        FacetIs(attribute, value, negated)
        if colon and attribute != "_tags"
        else TagIs(value or text, negated)
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise bad_request(f"filters: {text!r} is not a number") from None


def _refuse_mixed(group: list[Filter]) -> None:
    kinds = {"numeric" if isinstance(item, Compare | Between) else type(item).__name__ for item in group}
    if len(kinds) > 1:
        raise bad_request("filters: Different types are not allowed in the same OR (facet, numeric, tag)")


def parse_filter_arrays(parameter: str, value: Any) -> Conjunction:
    """``facetFilters``, ``numericFilters`` or ``tagFilters``: a list is AND, a list in it is OR.

    A string is that list as JSON, or its items separated by commas.

    Raises:
        ApiError: 400 when it is nested deeper or an item does not parse.
    """
    groups = []
    for entry in _as_list(value):
        items = entry if isinstance(entry, list) else [entry]
        if not all(isinstance(item, str) for item in items):
            raise bad_request(f"{parameter}: expected strings or arrays of strings")
        groups.append([_ITEM_PARSERS[parameter](item) for item in items])
    return [group for group in groups if group]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    text = str(value).strip()
    if text.startswith("["):
        try:
            loaded: list[Any] = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"filters: invalid JSON array: {error}") from None
        return loaded
    return [item.strip() for item in text.split(",") if item.strip()]


def _facet_item(item: str) -> Filter:
    attribute, colon, value = item.partition(":")
    if not colon:
        raise bad_request(f"facetFilters: expected attribute:value, got {item!r}")
    negated, value = _split_minus(value.strip())
    attribute = attribute.strip()
    return TagIs(value, negated) if attribute == "_tags" else FacetIs(attribute, value, negated)


def _tag_item(item: str) -> Filter:
    negated, value = _split_minus(item)
    return TagIs(value, negated)


def _split_minus(value: str) -> tuple[bool, str]:
    if value.startswith("-"):
        return True, value[1:]
    return False, value[1:] if value.startswith("\\-") else value


_NUMERIC_ITEM = re.compile(
    r"\s*(?P<attribute>[^<>=!:]+?)\s*(?:(?P<op><=|>=|!=|=|<|>)\s*(?P<bound>\S+)|:(?P<range>.+))\s*$"
)


def _numeric_item(item: str) -> Filter:
    match = _NUMERIC_ITEM.match(item)
    if match is None:
        raise bad_request(f"numericFilters: expected attribute<operator>number, got {item!r}")
    attribute, bounds = match["attribute"], match["range"]
    operator: Any = match["op"]
    if operator is not None:
        return Compare(attribute, operator, _number(match["bound"]))
    lower, found, upper = bounds.partition(" TO ")
    return (
        Between(attribute, _number(lower), _number(upper))
        if found
        else Compare(attribute, "=", _number(lower))
    )


_ITEM_PARSERS = {"facetFilters": _facet_item, "numericFilters": _numeric_item, "tagFilters": _tag_item}
