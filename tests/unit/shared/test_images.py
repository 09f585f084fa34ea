"""Images of products as several rooms know them: names, tasks, deadlines, and what a product shows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.images import (
    FIRST_ATTEMPT_WITHIN,
    IMAGE_FETCH,
    LAST_ATTEMPT_ENDS_WITHIN,
    MAX_ATTEMPTS,
    NEXT_ATTEMPT_WITHIN,
    ImageTask,
    attempted,
    error_text,
    image_of,
    new_entry,
    original_name,
    publish,
    reopened,
    shown,
)
from shared.tasks import Queue

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_ids = st.from_regex("[A-Za-z0-9]{1,64}", fullmatch=True)


@given(_ids, _ids)
def test_an_original_is_named_by_its_product_and_image(product_id: str, image_id: str) -> None:
    assert image_of(original_name(product_id, image_id)) == (product_id, image_id)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "products/p1",
        "products/p1/i1/",
        "products/p1/i1/7-abc.webp",
        "products/p1/i1\n",
        "products/p.1/i1",
        "products/../i1",
        "/products/p1/i1",
        "Products/p1/i1",
        f"products/p1/{'i' * 65}",
    ],
)
def test_other_names_are_not_of_originals(name: str) -> None:
    assert image_of(name) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"product_id": ""},
        {"product_id": "a/b"},
        {"image_id": "i" * 65},
        {"image_id": None},
        {"series": -1},
        {"url": "https://img.example"},
    ],
    ids=str,
)
def test_a_task_is_about_one_image(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ImageTask.model_validate({"product_id": "p1", "image_id": "i1"} | changes)


def test_a_task_has_a_key_for_each_series() -> None:
    first, again = (ImageTask(product_id="p1", image_id="i1", series=series) for series in (0, 1))
    assert first.key != again.key


# What a product shows


def test_a_product_shows_the_most_important_rendition_of_each_image() -> None:
    done = new_entry("i1", "https://a") | {"renditions": [{"url": "https://large"}, {"url": "https://small"}]}
    assert shown([done, new_entry("i2", "https://b"), done]) == {
        "product_images": ["https://a", "https://b", "https://a"],
        "compressed_product_images": ["https://large", None, "https://large"],
        "images": [done, new_entry("i2", "https://b"), done],
    }


def test_of_a_new_image_nothing_is_known() -> None:
    assert new_entry("i1", "https://a") == {
        "id": "i1",
        "source": "https://a",
        "status": "pending",
        "attempts": 0,
        "error": "",
        "original": None,
        "renditions": [],
    }


# Deadlines


@pytest.mark.parametrize("number", range(1, MAX_ATTEMPTS + 1))
def test_after_each_attempt_but_the_last_there_is_to_be_another(number: int) -> None:
    within = LAST_ATTEMPT_ENDS_WITHIN if number == MAX_ATTEMPTS else NEXT_ATTEMPT_WITHIN
    begun = attempted(number, NOW)
    assert begun == {"status": "pending", "attempts": number, "deadline": NOW + within}


def test_attempts_that_begin_anew_are_counted_anew_and_nobodys() -> None:
    assert reopened(0, NOW) == {
        "series": 0,
        "attempts": 0,
        "deadline": NOW + FIRST_ATTEMPT_WITHIN,
        "claimed_until": None,
    }


def test_each_series_is_given_twice_the_time_of_the_one_before_up_to_a_working_day() -> None:
    hours = [(reopened(series, NOW)["deadline"] - NOW).total_seconds() / 3600 for series in range(20)]
    assert all(after == min(2 * before, hours[-1]) for before, after in pairwise(hours))
    assert 8 < hours[-1] < 9


def test_an_error_is_kept_as_far_as_anybody_reads_it() -> None:
    assert error_text("short") == "short"
    assert 500 <= len(error_text("é" * 5000)) <= 1500


# Tasks


@dataclass
class KeptQueues:
    """Stands in for Cloud Tasks."""

    outage: Exception | None = None
    keys: list[str] = field(default_factory=list)

    async def enqueue(self, queue: Queue[Any], payload: BaseModel, *, key: str) -> bool:
        if self.outage:
            raise self.outage
        self.keys.append(key)
        return True


TASKS = [ImageTask(product_id="p1", image_id=image_id) for image_id in ("i1", "i2")]


async def test_each_task_is_put_on_its_queue() -> None:
    queues = KeptQueues()
    await publish(queues, IMAGE_FETCH, TASKS)  # type: ignore[arg-type]
    assert sorted(queues.keys) == sorted(task.key for task in TASKS)


async def test_a_queue_that_is_out_of_reach_spoils_no_write(caplog: pytest.LogCaptureFixture) -> None:
    await publish(KeptQueues(ServiceUnavailable("no")), IMAGE_FETCH, TASKS)  # type: ignore[arg-type]
    assert [record.message for record in caplog.records] == ["images.unpublished"]
