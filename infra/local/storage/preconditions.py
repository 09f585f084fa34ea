"""Preconditions on generations and metagenerations.

Source: https://cloud.google.com/storage/docs/request-preconditions
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .errors import condition_not_met, invalid, not_modified
from .resources import StoredObject


@dataclass(frozen=True)
class Preconditions:
    """What must be so for a request to be carried out; None asks nothing.

    Attributes:
        generation: the live object's generation; 0: there is no object.
        not_generation: not the live object's generation; 0: there is an object.
        metageneration: the live object's metageneration.
        not_metageneration: not the live object's metageneration.
    """

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    @classmethod
    def parse(cls, values: Mapping[str, str], prefix: str = "if") -> Self:
        """Read ``ifGenerationMatch`` and the like; ``prefix`` ``ifSource`` reads those on a copy's source.

        Raises:
            StorageError: one is no integer.
        """
        return cls(
            *(
                _integer(name, values.get(name))
                for name in (
                    f"{prefix}GenerationMatch",
                    f"{prefix}GenerationNotMatch",
                    f"{prefix}MetagenerationMatch",
                    f"{prefix}MetagenerationNotMatch",
                )
            )
        )

    def check_write(self, current: StoredObject | None) -> None:
        """For a request that changes ``current``, the live object, or that makes it.

        Raises:
            StorageError: conditionNotMet.
        """
        if not self._matches(current) or not self._differs(current):
            raise condition_not_met()

    def check_read(self, current: StoredObject) -> None:
        """For a request that reads ``current``.

        Raises:
            StorageError: conditionNotMet, or notModified where it is what the reader did not want again.
        """
        if not self._matches(current):
            raise condition_not_met()
        if not self._differs(current):
            raise not_modified()

    def _matches(self, current: StoredObject | None) -> bool:
        wanted = (self.generation, self.metageneration)
        return all(w is None or w == is_ for w, is_ in zip(wanted, _state(current), strict=True))

    def _differs(self, current: StoredObject | None) -> bool:
        unwanted = (self.not_generation, self.not_metageneration)
        return all(u is None or u != is_ for u, is_ in zip(unwanted, _state(current), strict=True))


ALWAYS = Preconditions()


def _state(current: StoredObject | None) -> tuple[int, int]:
    return (current.generation, current.metageneration) if current else (0, 0)


def _integer(name: str, value: str | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        raise invalid(f"Invalid value for {name}: {value!r} is no integer") from None
