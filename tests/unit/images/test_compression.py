"""What is to be done about a generation of an original, whenever and however often it is announced."""

from datetime import timedelta
from typing import Any

import pytest

from functions.images.compression import Verdict, judge
from shared.images import MAX_ATTEMPTS
from tests.unit.images.examples import NOW, an_image

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        # Nobody is at it: it was never tried, or the last attempt has failed or died.
        ({}, "compress"),
        ({"claimed_until": NOW}, "compress"),
        ({"claimed_until": NOW - SECOND}, "compress"),
        ({"attempts": MAX_ATTEMPTS - 1}, "compress"),
        ({"claimed_until": NOW + SECOND}, "busy"),
        # Whether the last attempt has died is known only when its claim is over.
        ({"attempts": MAX_ATTEMPTS, "claimed_until": NOW + SECOND}, "busy"),
        ({"attempts": MAX_ATTEMPTS, "claimed_until": NOW - SECOND}, "exhausted"),
        ({"attempts": MAX_ATTEMPTS}, "exhausted"),
        # It has come to an end.
        ({"status": "done"}, "settled"),
        ({"status": "failed"}, "settled"),
        ({"status": "failed", "attempts": MAX_ATTEMPTS}, "settled"),
        ({"status": "removed"}, "settled"),
    ],
    ids=str,
)
def test_a_generation_that_is_known_is_compressed_once(state: dict[str, Any], verdict: Verdict) -> None:
    assert judge(an_image(**state), "p1", 7, NOW) == verdict


@pytest.mark.parametrize("status", ["awaiting", "pending", "done", "failed"])
def test_a_newer_generation_is_compressed_whatever_became_of_the_old_one(status: str) -> None:
    image = an_image(status=status, attempts=MAX_ATTEMPTS, claimed_until=NOW + SECOND)
    assert judge(image, "p1", 8, NOW) == "compress"


@pytest.mark.parametrize("status", ["awaiting", "pending", "done", "failed", "removed"])
def test_an_older_generation_is_settled(status: str) -> None:
    assert judge(an_image(status=status), "p1", 6, NOW) == "settled"


def test_what_is_to_be_removed_is_not_compressed() -> None:
    assert judge(an_image(status="removed"), "p1", 8, NOW) == "settled"


def test_an_original_that_no_image_knows_is_discarded() -> None:
    assert judge(None, "p1", 7, NOW) == "discard"
    assert judge(an_image(), "p2", 7, NOW) == "discard"
