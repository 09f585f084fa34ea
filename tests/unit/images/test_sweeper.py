"""What an overdue image lacks."""

from typing import Any

import pytest

from functions.images.sweeper import Remedy, remedy
from shared.images import MAX_ATTEMPTS
from tests.unit.images.examples import an_image


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        # Its task was never enqueued.
        ({"status": "pending", "attempts": 0}, "enqueue"),
        # Its task is lost, or nobody was told of its original.
        ({"status": "pending", "attempts": 1}, "restart"),
        ({"status": "pending", "attempts": MAX_ATTEMPTS - 1}, "restart"),
        # An upload has no task: whether something came, its fetch finds out.
        ({"status": "awaiting", "attempts": 0, "generation": 0}, "restart"),
        # Killed in its last attempt.
        ({"status": "pending", "attempts": MAX_ATTEMPTS}, "bury"),
        ({"status": "removed", "attempts": 0}, "remove"),
        ({"status": "removed", "attempts": MAX_ATTEMPTS}, "remove"),
    ],
    ids=str,
)
def test_an_overdue_image_gets_what_it_lacks(state: dict[str, Any], wanted: Remedy) -> None:
    assert remedy(an_image(**state)) == wanted
