"""Who came, and what became of it: for tests, and for whoever wonders."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus

from .faults import Fault

_KEPT = 10_000
# These are no mistakes of the sender's: there is nothing yet, or something newer, or too much at once.
_NOT_REJECTED = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass
class Visit:
    """One request, in the order of arrival.

    Attributes:
        at: of the local clock.
        product: the id in its path; empty for a path that is not served.
        version: what a POST brought; None if that cannot be read.
        fault: what spoilt it.
        status: None as long as it has not been answered, which a dropped one never is.
    """

    at: datetime
    method: str
    product: str
    version: int | None = None
    fault: Fault | None = None
    status: int | None = None


@dataclass
class Counters:
    """What happened since the start or the last reset.

    Attributes:
        applied: versions taken.
        replayed: repetitions answered as the first time.
        refused_stale: versions refused (409) as older than what is there, or as something else under its number.
        older_after_newer: POSTs, refused or spoilt ones too, of a version lower than one that came before it.
        rejected: requests that were wrong in themselves (4xx without a fault, but for 404 and 409).
        errors: requests spoilt by a fault.
    """

    posts: int = 0
    gets: int = 0
    applied: int = 0
    replayed: int = 0
    refused_stale: int = 0
    older_after_newer: int = 0
    rejected: int = 0
    errors: int = 0


class Journal:
    """The last 10,000 requests, and counters of all."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.counters = Counters()
        self._visits: deque[Visit] = deque(maxlen=_KEPT)
        self._arrived = 0

    def arrived(self, visit: Visit) -> None:
        """A request has come."""
        self._visits.append(visit)
        self._arrived += 1
        self.counters.posts += visit.method == "POST"
        self.counters.gets += visit.method == "GET"

    def left(self, visit: Visit) -> None:
        """A request is done with."""
        if visit.fault:
            self.counters.errors += 1
        elif visit.status and 400 <= visit.status < 500 and visit.status not in _NOT_REJECTED:
            self.counters.rejected += 1

    def visits(self, product: str | None) -> list[Visit]:
        """The requests that are remembered, of one product or of all (None)."""
        return [visit for visit in self._visits if product in (None, visit.product)]

    @property
    def forgotten(self) -> int:
        """How many earlier requests there is no room for any more."""
        return self._arrived - len(self._visits)

    @property
    def stats(self) -> dict[str, int]:
        """The counters by name."""
        return asdict(self.counters)
