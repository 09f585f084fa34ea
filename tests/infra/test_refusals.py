"""An input that cannot work is refused before anything is made, in words that say what would."""

import json
from collections.abc import Callable, Iterable
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

import pytest

from tests.infra.conftest import INFRA
from tests.infra.terraform import Terraform, Values


class Bad(NamedTuple):
    variable: str
    value: object
    # Which the refusal must have.
    words: str
    # What else is needed to get there.
    beside: Values = {}  # noqa: RUF012


GOOD: Values = {"project_id": "a-shop", "region": "europe-west4", "bundle": "topology.yaml"}
BAD = [
    Bad("project_id", "Shop", "such as shop-prod-1234"),
    Bad("project_id", "123456789012", "not its name or number"),
    Bad("project_id", "example.com:shop", "domain"),
    Bad("region", "europe-west4-b", "is a zone"),
    Bad("region", "EU", "multi-region"),
    Bad("prefix", "Backstock", "3 to 14 of a-z"),
    Bad("prefix", "a-rather-long-prefix", "30 characters"),
    Bad("labels", {"Team": "back-office"}, "a-z"),
    Bad("auth_issuer", "https://login.a-shop.example", "auth_audience and auth_jwks_url together"),
    Bad("auth_audience", "", "tokens made for anything"),
    Bad("auth_jwks_url", "http://login.a-shop.example/jwks", "https"),
    Bad("algolia_app_id", "not an id", "Application ID"),
    Bad("algolia_returns_index", "", "1 to 255 characters"),
    Bad("algolia_max_record_bytes", 200_000, "500 to 100000"),
    Bad("supply_chain_url", "https://partner.example/v2/", "without a slash at its end"),
    Bad("supply_chain_url", "http://partner.example", "https"),
    Bad("price_feed_max_bad_share", 5, "from 0 to 1"),
    Bad("image_trusted_sources", ["https://media.example.com"], "at least a slash behind the host"),
    Bad("secrets_with_values", ["ALGOLIA_KEY"], "There are: ALGOLIA_API_KEY"),
    Bad("secrets_with_values", ["ALGOLIA_API_KEY"], "set algolia_app_id too"),
    Bad("secrets_with_values", ["SUPPLY_CHAIN_API_KEY"], "set supply_chain_url too"),
    Bad("uploads_cors_origins", ["https://a-shop.example/upload"], "without a path"),
    Bad("retailers", {"casa verde": []}, "1 to 64 letters"),
    Bad("retailers", {"casa-verde": ["allUsers"]}, "let anyone set a retailer's prices"),
    Bad("log_level", "verbose", "DEBUG, INFO, WARNING or ERROR"),
    Bad("function_overrides", {"product": {"max_instances": 5}}, "There is no function product. There are: "),
    Bad("function_overrides", {"products": {"memory": "1GB"}}, "Give memory as 512Mi"),
    Bad("function_overrides", {"products": {"concurrency": 1001}}, "1 to 1000"),
    Bad(
        "function_overrides",
        {"products": {"min_instances": 5, "max_instances": 4}},
        "no less than min_instances",
    ),
    Bad("function_overrides", {"products": {"min_instances": 21}}, "as in topology.yaml"),
    Bad(
        "queue_overrides",
        {"returnsSync": {"max_concurrent_dispatches": 5}},
        "There is no queue returnsSync. There are: ",
    ),
    Bad("queue_overrides", {"returnSync": {"max_dispatches_per_second": 501}}, "500 tasks a second at most"),
    Bad(
        "paused_schedules",
        ["returnUpdateCron"],
        "There is no schedule returnUpdateCron. There are: ",
    ),
    Bad("firestore_location", "EU", "such as eur3"),
    Bad("redis_memory_gb", 0, "1 to 300"),
    Bad("redis_network", "projects/a/global/networks/b", "name of a network"),
    Bad("redis_connector_range", "10.8.0.0/24", "/28"),
    Bad("alert_emails", ["ops"], "such as ops@shop.example"),
    Bad("thresholds", {"error_share": 5}, "such as 0.05"),
    Bad("thresholds", {"queue_depth": 0}, "above 0"),
    Bad("thresholds", {"sync_stale_minutes": 10}, "every 15 minutes"),
    Bad("budget_amount", 99.5, "whole amount", {"billing_account": "012345-6789AB-CDEF01"}),
    Bad("budget_amount", 100, "set billing_account too"),
    Bad("billing_account", "My Billing Account", "gcloud billing accounts list"),
]


# Inputs that are looked at together, beside those whose names begin alike.
LOOKED_AT_WITH = {"supply": "algolia", "secrets": "algolia", "billing": "budget"}


def _topic(bad: Bad) -> str:
    first = bad.variable.partition("_")[0]
    return LOOKED_AT_WITH.get(first, first)


def _rounds() -> list[list[Bad]]:
    """Inputs that have nothing to do with each other at a time: a run tells what is wrong with all of them."""
    by_topic: dict[str, list[Bad]] = {}
    for bad in BAD:
        by_topic.setdefault(_topic(bad), []).append(bad)
    return [[bad for bad in each if bad] for each in zip_longest(*by_topic.values())]


def _test_file(bad: Iterable[Bad]) -> str:
    """A file with a run that gives Terraform these inputs."""
    variables = dict(GOOD)
    for each in bad:
        variables |= {**each.beside, each.variable: each.value}
    return json.dumps(
        {
            "mock_provider": {"google": {"source": "./tests/mocks"}},
            "run": {"bad": {"command": "plan", "variables": variables}},
        }
    )


@pytest.fixture(scope="module")
def refusal(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Iterable[Bad]], str]:
    """What Terraform says to some inputs."""
    folder = terraform.copy(INFRA, tmp_path_factory.mktemp("refusals"))

    @cache
    def answer(text: str) -> str:
        (folder / "tests/bad.tftest.json").write_text(text, encoding="utf-8")
        return " ".join(terraform.test(folder, "bad.tftest.json")["bad: bad"].problems)

    return lambda bad: answer(_test_file(bad))


@pytest.mark.parametrize("bad", [pytest.param(bad, id=f"{bad.variable}={bad.value}") for bad in BAD])
def test_an_input_that_cannot_work_is_refused_with_what_would(
    bad: Bad, refusal: Callable[[Iterable[Bad]], str]
) -> None:
    (beside,) = (each for each in _rounds() if bad in each)
    assert bad.words in refusal(beside), (
        f"variables.tf: a validation of {bad.variable} has to refuse this, and to say so"
    )


def test_a_bundle_that_was_not_made_is_asked_for(refusal: Callable[[Iterable[Bad]], str]) -> None:
    assert "run `make bundle`" in refusal([Bad("bundle", "missing.zip", "")])


def test_every_input_that_can_be_bad_is_tried() -> None:
    text = (INFRA / "variables.tf").read_text(encoding="utf-8")
    validated = {each.partition('"')[0] for each in text.split('\nvariable "') if "validation {" in each}
    assert validated == {bad.variable for bad in BAD}
