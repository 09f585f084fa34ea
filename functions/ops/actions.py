"""The audit log: who did what, to what, and when. It is written before anything is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ActionName = Literal[
    "dead-letter.replay",
    "dead-letter.replay-all",
    "dead-letter.discard",
    "sync.resync",
    "sync.cancel",
    "prices.cancel",
    "prices.rerun",
    "job.start",
    "job.cancel",
    "job.resume",
    "schedule.pause",
    "schedule.resume",
    "schedule.run",
    "queue.pause",
    "queue.resume",
    "store.rollback",
    "store.rebuild",
    "image.render",
    "session.sign-in",
]


@dataclass(frozen=True)
class Action:
    """An entry. ``outcome`` is ``""`` until it is known, then ``done`` or why not."""

    id: str
    who: str
    what: ActionName
    target: str
    at: datetime
    outcome: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""
