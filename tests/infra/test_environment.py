"""The environment that a function gets is the one that it reads."""

import re

import pytest

from infra.topology import Topology, load
from shared.settings import Settings
from tests.infra.names import account, function_url
from tests.infra.terraform import Plan, Values

TOPOLOGY = load()
FIELDS = {name.upper() for name in Settings.model_fields}
# What the platform and the log read, beside our settings.
OTHERS = {"LOG_LEVEL", "FUNCTION_USE_ASGI", "LOG_EXECUTION_ID"}
# Google's own, that no deployment changes; what has one good value; and what follows from another.
NOT_FOR_DEPLOYMENTS = {"PLATFORM_ISSUER", "PLATFORM_JWKS_URL", "PRODUCT_CACHE_SECONDS", "IMAGES_URL"}
A_SECRETS_NAME = re.compile(r"KEY|SECRET|PASSWORD|TOKEN(?!S_CHECKED)|CREDENTIAL")


def service(plan: Plan, name: str) -> Values:
    (config,) = plan.of("google_cloudfunctions2_function.this")[name]["service_config"]
    values: Values = config
    return values


def _said_later(plan: Plan, name: str) -> set[str]:
    """The variables whose values only Google can say, such as the address of a Redis."""
    (later,) = plan.all("google_cloudfunctions2_function.this")[name].later["service_config"]
    variables = later.get("environment_variables", {})
    assert variables is not True, "the environment of a function should be known while planning"
    return set(variables)


def environment(plan: Plan, name: str) -> dict[str, str]:
    """What a function reads. What is secret, or not known yet, is made up."""
    config = service(plan, name)
    secrets = {each["key"]: "a value" for each in config["secret_environment_variables"]}
    assert not secrets.keys() & config["environment_variables"].keys()
    later = dict.fromkeys(_said_later(plan, name), "redis://10.0.0.3:6379")
    return {**config["environment_variables"], **later, **secrets}


@pytest.mark.parametrize("name", TOPOLOGY.functions)
def test_a_function_starts_with_the_environment_it_gets(name: str, delivered: Plan, complete: Plan) -> None:
    for plan in (delivered, complete):
        given = environment(plan, name)
        assert given.keys() <= FIELDS | OTHERS, (
            "environment.tf sets what shared/settings.py does not have: a misspelt variable is not read"
        )
        settings = Settings.from_environment(given)
        assert settings.platform_tokens_checked == (TOPOLOGY.functions[name].access != "public")


def test_whatever_differs_between_deployments_is_an_input(complete: Plan) -> None:
    given = {variable for name in TOPOLOGY.functions for variable in environment(complete, name)}
    assert given & FIELDS == FIELDS - NOT_FOR_DEPLOYMENTS, (
        "add the setting to environment.tf and variables.tf"
    )


@pytest.mark.parametrize("name", TOPOLOGY.functions)
def test_a_function_gets_its_own_secrets_and_no_other(name: str, complete: Plan) -> None:
    given = service(complete, name)["secret_environment_variables"]
    assert {each["key"] for each in given} == set(TOPOLOGY.functions[name].secrets)
    assert all((each["secret"], each["version"]) == (each["key"], "latest") for each in given)


@pytest.mark.parametrize("name", TOPOLOGY.functions)
def test_nothing_secret_is_in_plain_sight(name: str, complete: Plan) -> None:
    plain = service(complete, name)["environment_variables"]
    assert not [variable for variable in plain if A_SECRETS_NAME.search(variable)], (
        "what is secret is in Secret Manager: name it in `secrets` of topology.yaml"
    )


def test_terraform_knows_no_value_of_a_secret(complete: Plan) -> None:
    versions = [each.address for each in complete.resources if "secret_version" in each.kind]
    assert not versions, "a value would be in Terraform's state for good: it is added with gcloud"


@pytest.mark.parametrize("name", TOPOLOGY.functions)
def test_a_function_uses_the_redis_if_it_caches(name: str, complete: Plan, delivered: Plan) -> None:
    caches = TOPOLOGY.functions[name].caches
    assert ("REDIS_URL" in environment(complete, name)) == caches
    assert (service(complete, name)["vpc_connector_egress_settings"] == "PRIVATE_RANGES_ONLY") == caches
    assert "REDIS_URL" not in environment(delivered, name)


def test_everybody_calls_a_function_by_the_address_that_it_expects(delivered: Plan) -> None:
    """The audience of a token is the address; who sends and who checks it must mean the same."""
    for name in TOPOLOGY.functions:
        settings = Settings.from_environment(environment(delivered, name))
        for other in TOPOLOGY.functions:
            assert settings.function_url(other) == function_url(other)


@pytest.mark.parametrize("name", TOPOLOGY.functions)
def test_a_functions_address_is_short_enough_to_be_known_beforehand(name: str) -> None:
    host = function_url(name).removeprefix("https://").partition(".")[0]
    assert len(host) <= 63, "a longer one has no such address: give the function a shorter name"


@pytest.mark.parametrize("name", TOPOLOGY.queues)
def test_a_queues_tasks_reach_its_target(name: str, delivered: Plan, topology: Topology) -> None:
    """Tasks carry address and caller; who enqueues them puts them in from its environment."""
    target = topology.queues[name].target
    called = Settings.from_environment(environment(delivered, target))
    callers = [function for function, each in topology.functions.items() if name in each.enqueues]
    assert callers, f"nobody enqueues on {name}"
    for caller in callers:
        sends = Settings.from_environment(environment(delivered, caller))
        assert sends.function_url(target) == called.function_url(target)
        assert sends.tasks_service_account == called.tasks_service_account == account("tasks")
    invoker = delivered.of("google_cloud_run_service_iam_member.invoker")[target]
    assert (invoker["service"], invoker["member"]) == (target, f"serviceAccount:{account('tasks')}")


@pytest.mark.parametrize(
    ("access", "setting"),
    [
        ("tasks", "tasks_service_account"),
        ("scheduler", "scheduler_service_account"),
        ("events", "events_service_account"),
    ],
)
def test_a_function_looks_for_the_caller_that_may_call_it(access: str, setting: str, delivered: Plan) -> None:
    grants = delivered.of("google_cloud_run_service_iam_member.invoker")
    for name in (name for name, function in TOPOLOGY.functions.items() if function.access == access):
        settings = Settings.from_environment(environment(delivered, name))
        assert grants[name]["member"] == f"serviceAccount:{getattr(settings, setting)}"


def test_buckets_in_the_environment_are_those_that_are_made(delivered: Plan) -> None:
    made = {name: each["name"] for name, each in delivered.of("google_storage_bucket.this").items()}
    for function in TOPOLOGY.functions:
        settings = Settings.from_environment(environment(delivered, function))
        assert made == {name: getattr(settings, f"{name}_bucket") for name in made}
