"""The environment is read whole or not at all, and its secrets stay out of every text."""

import pytest
from pydantic import ValidationError

from shared.errors import ConfigurationError
from shared.settings import Settings
from tests.unit.shared.examples import ENVIRONMENT, REQUIRED, a_deployment


def refusal(**changes: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        a_deployment(**changes)
    return caught.value


def test_a_complete_environment_is_enough() -> None:
    config = Settings.from_environment(ENVIRONMENT)
    assert config.google_cloud_project == "shop"
    assert config.region == "europe-west1"
    assert config.algolia_max_record_bytes == 10_000


def test_variables_of_others_are_ignored() -> None:
    assert a_deployment(PATH="/usr/bin", region="lower case is another variable").region == "europe-west1"


@pytest.mark.parametrize("variable", REQUIRED)
def test_a_missing_variable_is_named(variable: str) -> None:
    rest = {name: value for name, value in ENVIRONMENT.items() if name != variable}
    with pytest.raises(ConfigurationError, match=rf"{variable}: Field required"):
        Settings.from_environment(rest)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({})
    assert all(variable in str(caught.value) for variable in REQUIRED)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AUTH_AUDIENCE", ""),
        ("AUTH_AUDIENCE", "   "),
        ("TASKS_SERVICE_ACCOUNT", ""),
        ("BASE_URL", "https://shop.example/"),
        ("BASE_URL", "shop.example"),
        ("BASE_URL", "ftp://shop.example"),
        ("BASE_URL", "https://Shop.example"),
        ("BASE_URL", "https://shop.example:443"),
        ("AUTH_JWKS_URL", "file:///etc/passwd"),
        ("ALGOLIA_MAX_RECORD_BYTES", "10 kB"),
        ("ALGOLIA_MAX_RECORD_BYTES", "499"),
        ("ALGOLIA_MAX_RECORD_BYTES", "100001"),
    ],
)
def test_a_malformed_variable_is_named(variable: str, value: str) -> None:
    assert f"{variable}: " in str(refusal(**{variable: value}))


def test_no_error_text_repeats_a_value() -> None:
    error = refusal(BASE_URL="hunter2", ALGOLIA_MAX_RECORD_BYTES="hunter2")
    assert "hunter2" not in f"{error} {error.__cause__} {error.__cause__!r}"


def test_keys_do_not_show_when_settings_are_printed() -> None:
    config = a_deployment(ALGOLIA_API_KEY="hunter2", ALGOLIA_SEARCH_KEY="hunter2")
    assert "hunter2" not in f"{config} {config!r}"


def test_settings_are_immutable() -> None:
    config = a_deployment()
    with pytest.raises(ValidationError, match="frozen"):
        config.auth_audience = "another"  # type: ignore[misc]


def test_a_functions_address_is_below_the_base() -> None:
    assert a_deployment(BASE_URL="http://127.0.0.1:8080").function_url("returns") == (
        "http://127.0.0.1:8080/returns"
    )
