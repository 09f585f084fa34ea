"""Pausing, resuming and running schedules and queues."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from functions.ops.console.acts import Act, Done, Telling, Values
from functions.ops.console.formatting import bounded
from functions.ops.console.rendering import Visit
from functions.ops.control import QueueControl, QueueView, Schedules, ScheduleView

_MAX_NAME = 100

Steer = Callable[[str, str], Awaitable[ScheduleView | QueueView]]


@dataclass(frozen=True)
class Steering:
    """What is done with one schedule or queue, whose name takes the place of ``{name}`` in the sentences.

    Args:
        steer: takes the name, and who asks for it.
    """

    steer: Steer
    title: str
    text: str
    button: str
    notice: str
    weight: Literal["ordinary", "grave"] = "ordinary"

    async def tell(self, visit: Visit, values: Values) -> Telling:
        """What rests, goes on or is called."""
        name = bounded(values.get("name", ""), _MAX_NAME)
        return Telling(self.title.format(name=name), self.text, self.button, weight=self.weight)

    async def do(self, visit: Visit, values: Values) -> Done:
        """Have it done."""
        view = await self.steer(values.get("name", ""), visit.session.who)
        return Done(self.notice.format(name=view.name))


def steering_acts(schedules: Schedules, queues: QueueControl) -> Mapping[str, Act]:
    """What is done with schedules and queues."""
    steered = {**_of_schedules(schedules), **_of_queues(queues)}
    return {name: Act(("name",), steering.tell, steering.do) for name, steering in steered.items()}


def _of_schedules(schedules: Schedules) -> Mapping[str, Steering]:
    return {
        "schedule.pause": Steering(
            schedules.pause,
            "Pause the schedule {name}?",
            "It does not fire until somebody resumes it: what it starts is not started by itself meanwhile.",
            "Pause the schedule",
            "The schedule {name} is paused.",
            weight="grave",
        ),
        "schedule.resume": Steering(
            schedules.resume,
            "Resume the schedule {name}?",
            "It fires again at its times. What it has missed is not made up for.",
            "Resume the schedule",
            "The schedule {name} goes on.",
        ),
        "schedule.run": Steering(
            schedules.run_now,
            "Run {name} now?",
            "It calls its function once, now. Its times stay as they are.",
            "Run it now",
            "The schedule {name} is run now.",
        ),
    }


def _of_queues(queues: QueueControl) -> Mapping[str, Steering]:
    return {
        "queue.pause": Steering(
            queues.pause,
            "Pause the queue {name}?",
            "Its tasks wait until somebody resumes it; new ones are taken in and wait too. Nothing is lost, "
            "but what is waited for elsewhere may run out of patience.",
            "Pause the queue",
            "The queue {name} is paused.",
            weight="grave",
        ),
        "queue.resume": Steering(
            queues.resume,
            "Resume the queue {name}?",
            "What waits in it is dispatched, at the rate that the queue allows.",
            "Resume the queue",
            "The queue {name} goes on.",
        ),
    }
