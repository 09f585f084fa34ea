"""One document of faults for the whole local cloud, set as a whole or not at all."""

from collections.abc import Callable, Mapping
from typing import Any

Setter = Callable[[Mapping[str, Any]], None]


class FaultSwitch:
    """Hands each service its part of a document such as
    ``{"seed": 7, "error_rate": 0.1, "queues": {…}, "algolia": {…}, "functions": {"crash_rate": 0.05}}``.

    Args:
        tasks: takes every key that is no service's.
        services: by key of the document. An empty part ends that service's faults. Each setter raises ``ValueError``
            for what it does not know, and changes nothing then.
    """

    def __init__(self, tasks: Setter, services: Mapping[str, Setter]) -> None:
        self._tasks = tasks
        self._services = services
        self.document: Mapping[str, Any] = {}

    def set(self, document: Mapping[str, Any]) -> None:
        """Replace all faults; ``{}`` ends them.

        Raises:
            ValueError: a key or value that nobody knows; the faults are as they were.
        """
        try:
            self._apply(document)
        except ValueError:
            self._apply(self.document)
            raise
        self.document = document

    def _apply(self, document: Mapping[str, Any]) -> None:
        self._tasks({key: value for key, value in document.items() if key not in self._services})
        for key, setter in self._services.items():
            part = document.get(key, {})
            if not isinstance(part, Mapping):
                raise ValueError(f"{key} must be an object, not {part!r}")
            setter(part)
