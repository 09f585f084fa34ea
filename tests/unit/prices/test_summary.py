"""What the parts of a feed come to, and whether it is taken."""

import orjson
import pytest

from functions.prices.feeds import Position
from functions.prices.lines import BadLine
from functions.prices.planning import MAX_STORES
from functions.prices.reports import Report
from functions.prices.runs import Counts
from functions.prices.stores import Range
from functions.prices.summary import Summary
from functions.prices.workspace import PartIndex, StoreRange

BAD = BadLine(3, "price", "is missing")


def part(stores: dict[str, StoreRange], bad: int = 0, bad_lines: tuple[BadLine, ...] = ()) -> PartIndex:
    good = sum(where.lines for where in stores.values())
    return PartIndex(Position(0, 1), good, bad, stores, bad_lines)


def summary(*parts: PartIndex) -> Summary:
    result = Summary()
    for number, index in enumerate(parts):
        result.add(number, index)
    return result


def of_lines(good: int, bad: int) -> Summary:
    return summary(part({"s1": StoreRange(0, 9, good)} if good else {}, bad, (BAD,) if bad else ()))


def test_a_store_is_where_any_part_has_lines_of_it() -> None:
    first = part({"s1": StoreRange(0, 10, 1), "s2": StoreRange(10, 30, 3)})
    second = part({"s2": StoreRange(0, 20, 2)}, bad=1)
    found = summary(first, part({}), second)
    assert found.counts == Counts(lines=7, good=6, bad=1)
    stores = found.stores()
    assert {store: (list(where.ranges), where.lines) for store, where in stores.items()} == {
        "s1": ([Range(0, 0, 10)], 1),
        "s2": ([Range(0, 10, 30), Range(2, 0, 20)], 5),
    }
    ranges = stores["s2"].ranges
    assert (len(ranges), ranges[-1], ranges[:1]) == (2, Range(2, 0, 20), [Range(0, 10, 30)])
    with pytest.raises(IndexError):
        ranges[2]


@pytest.mark.parametrize(
    ("good", "bad", "taken"),
    [(95, 5, True), (94, 6, False), (1, 0, True), (0, 1, False), (0, 0, False)],
)
def test_a_feed_is_refused_for_its_share_of_bad_lines(good: int, bad: int, taken: bool) -> None:
    assert (of_lines(good, bad).refusal(0.05) is None) == taken


@pytest.mark.parametrize(("good", "bad", "taken"), [(1, 99, True), (0, 1, False), (0, 0, False)])
def test_a_feed_without_a_good_line_is_refused_whatever_share_may_be_bad(
    good: int, bad: int, taken: bool
) -> None:
    assert (of_lines(good, bad).refusal(1) is None) == taken


def test_a_refusal_says_how_many_lines_are_bad() -> None:
    assert of_lines(2000, 1000).refusal(0.05) == (
        "1,000 of 3,000 lines are bad, and a feed is taken with at most 5 % of them. The report says what is wrong."
    )


def test_a_column_of_anything_but_stores_is_refused() -> None:
    stores = {f"s{number}": StoreRange(0, 1, 1) for number in range(MAX_STORES)}
    assert summary(part(stores)).refusal(0) is None
    more = summary(part(stores), part({"another": StoreRange(0, 1, 1)}), part({"third": StoreRange(0, 1, 1)}))
    assert "store_id" in (more.refusal(0) or "")


def test_a_feed_without_bad_lines_has_no_report() -> None:
    assert of_lines(1, 0).report() is None


def listed(content: bytes | None) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in (content or b"").splitlines()]


def test_a_report_has_the_bad_lines_of_all_parts() -> None:
    other = BadLine(9, None, "is no record")
    found = summary(part({}, 1, (BAD,)), part({}, 1, (other,)))
    assert listed(found.report()) == [
        {"line": 3, "column": "price", "reason": "is missing"},
        {"line": 9, "column": None, "reason": "is no record"},
    ]


def test_a_report_says_how_many_bad_lines_it_leaves_out() -> None:
    report = Report(max_listed=2)
    report.add([BAD] * 3)
    report.add([BAD])
    lines = listed(report.content(bad=1004))
    assert lines[:2] == [BAD._asdict()] * 2
    assert lines[2:] == [{"line": None, "column": None, "reason": "1,002 more bad lines are not listed"}]
