"""What a person can set about a run of the local cloud, read from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast

Seed = Literal["demo", "none"]


class OptionError(Exception):
    """An environment variable has a value that cannot be used; the text says which and what would do."""


@dataclass(frozen=True)
class Options:
    """Attributes:
    port: of the gateway, on 127.0.0.1.
    data_dir: where everything is kept.
    seed: what a data directory gets on its first start.
    log_to_terminal: whether the functions' log shows in the terminal too.
    firestore_host: an emulator to use instead of our own Firestore, as ``host:port``; empty for our own.
    """

    port: int
    data_dir: Path
    seed: Seed
    log_to_terminal: bool
    firestore_host: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """``PORT``, ``DATA_DIR``, ``SEED``, ``LOG`` and ``FIRESTORE_EMULATOR_HOST``; an empty one is not set.

        Raises:
            OptionError: a value cannot be used.
        """
        return cls(
            port=_port(environ.get("PORT") or "8080"),
            data_dir=Path(environ.get("DATA_DIR") or ".local").expanduser().absolute(),
            seed=cast(Seed, _one_of("SEED", environ.get("SEED") or "demo", ("demo", "none"))),
            log_to_terminal=_one_of("LOG", environ.get("LOG") or "0", ("0", "1")) == "1",
            firestore_host=environ.get("FIRESTORE_EMULATOR_HOST", ""),
        )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise OptionError(f"PORT must be a number from 1 to 65535, not {text!r}")
    return int(text)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise OptionError(f"{name} must be {' or '.join(allowed)}, not {value!r}")
    return value
