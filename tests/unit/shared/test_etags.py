"""Which version a conditional request means, however it writes that down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from shared.etags import etag, if_match, not_modified
from shared.problems import Problem
from tests.unit.shared.examples import a_deployment

VERSION = 7


def a_request(name: str, *values: str) -> Request:
    """A request with one header line for each of ``values``."""
    lines = [(name.encode(), value.encode("latin-1")) for value in values]
    return Request({"type": "http", "headers": lines})


def allowed(*values: str) -> bool:
    try:
        if_match(a_request("if-match", *values), required=False)(VERSION)
    except Problem:
        return False
    return True


def is_known(*values: str) -> bool:
    return not_modified(a_request("if-none-match", *values), VERSION)


def refusal_of(request: Request, *, required: bool = False) -> Problem:
    with pytest.raises(Problem) as caught:
        if_match(request, required=required)(VERSION)
    return caught.value


NAMES_IT = ['"7"', '"6", "7"', '"7","8"', ' "7" ', ',,"7",,', "*", "7"]
NAMES_ANOTHER = ['"6"', '"77"', '"07"', '"7 "', '"*"', '"6", "8"', "6", '""', "", ",", "'7'"]
SAYS_NOTHING = ['"', '"7', '7"', '"7"x', '"7" "8"', '"7";q=1', "\xff", '"' * 9_999, '"7' * 9_999]
WEAK = ['W/"7"', 'w/"7"', '"6", W/"7"']


@pytest.mark.parametrize("value", NAMES_IT)
def test_the_version_that_is_there_is_recognised(value: str) -> None:
    assert (allowed(value), is_known(value)) == (True, True)


@pytest.mark.parametrize("value", NAMES_ANOTHER)
def test_another_version_is_not(value: str) -> None:
    assert (allowed(value), is_known(value)) == (False, False)


@pytest.mark.parametrize("value", SAYS_NOTHING, ids=range(len(SAYS_NOTHING)))
def test_what_is_no_entity_tag_matches_nothing(value: str) -> None:
    assert (allowed(value), is_known(value)) == (False, False)


@pytest.mark.parametrize("value", WEAK)
def test_a_weak_tag_is_good_enough_to_keep_what_one_has_but_not_to_change_it(value: str) -> None:
    assert (allowed(value), is_known(value)) == (False, True)


def test_a_list_may_come_in_several_lines() -> None:
    assert allowed('"6"', '"7"')
    assert is_known('"6"', '"7"')


def test_without_a_condition_everything_is_sent_and_changed() -> None:
    assert allowed()
    assert not is_known()


@given(st.text(st.characters(max_codepoint=255, exclude_characters="7*")))
def test_no_header_without_the_version_in_it_is_taken_for_it(value: str) -> None:
    assert (allowed(value), is_known(value)) == (False, False)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_tag_names_one_version(one: int, other: int) -> None:
    assert not_modified(a_request("if-none-match", etag(one)), other) == (one == other)


def test_who_means_another_version_is_told_which_there_is() -> None:
    problem = refusal_of(a_request("if-match", '"6"'))
    assert (problem.status, problem.kind, problem.headers) == (412, "version-moved", {"ETag": '"7"'})


def test_a_deployment_can_require_the_condition() -> None:
    assert not a_deployment().products_require_if_match
    required = a_deployment(PRODUCTS_REQUIRE_IF_MATCH="true").products_require_if_match
    problem = refusal_of(a_request("accept"), required=required)
    assert (problem.status, problem.kind) == (428, "precondition-required")


def test_a_condition_that_is_required_and_given_is_judged_as_any_other() -> None:
    if_match(a_request("if-match", '"7"'), required=True)(VERSION)
    assert refusal_of(a_request("if-match", '"6"'), required=True).status == 412
