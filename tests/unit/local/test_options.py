"""What can be set in the environment, and what is said about a value that cannot be used."""

from pathlib import Path

import pytest

from infra.local.options import OptionError, Options


def test_nothing_needs_to_be_set() -> None:
    options = Options.from_environment({})
    assert (options.port, options.seed, options.log_to_terminal) == (8080, "demo", False)
    assert options.data_dir == Path.cwd() / ".local"
    assert options.firestore_host == ""


def test_an_empty_variable_is_not_set() -> None:
    empty = dict.fromkeys(("PORT", "DATA_DIR", "SEED", "LOG", "FIRESTORE_EMULATOR_HOST"), "")
    assert Options.from_environment(empty) == Options.from_environment({})


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", "8080.0", "٨٠٨٠", " 8080", "1e3"])
def test_a_port_is_a_number_of_a_port(port: str) -> None:
    with pytest.raises(OptionError, match="PORT must be a number from 1 to 65535"):
        Options.from_environment({"PORT": port})


@pytest.mark.parametrize(("name", "value"), [("SEED", "Demo"), ("SEED", "0"), ("LOG", "yes"), ("LOG", "2")])
def test_an_unknown_choice_is_refused(name: str, value: str) -> None:
    with pytest.raises(OptionError, match=f"{name} must be .* or .*, not '{value}'"):
        Options.from_environment({name: value})
