"""Pausing, resuming and running schedules and queues."""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.ops.console.acts import Act, Done, Telling, Values
from functions.ops.console.formatting import bounded
from functions.ops.console.rendering import Visit
from functions.ops.control import QueueControl, Schedules

_MAX_NAME = 100


@dataclass(frozen=True)
class SteeringActs:
    """What is done with schedules and queues."""

    schedules: Schedules
    queues: QueueControl

    def acts(self) -> Mapping[str, Act]:
        name = ("name",)
        return {
            "schedule.pause": Act(name, self.tell_pause_schedule, self.pause_schedule),
            "schedule.resume": Act(name, self.tell_resume_schedule, self.resume_schedule),
            "schedule.run": Act(name, self.tell_run, self.run),
            "queue.pause": Act(name, self.tell_pause_queue, self.pause_queue),
            "queue.resume": Act(name, self.tell_resume_queue, self.resume_queue),
        }

    async def tell_pause_schedule(self, visit: Visit, values: Values) -> Telling:
        """What rests."""
        text = (
            "It does not fire until somebody resumes it: what it starts is not started by itself meanwhile."
        )
        return Telling(f"Pause the schedule {_name(values)}?", text, "Pause the schedule", weight="grave")

    async def pause_schedule(self, visit: Visit, values: Values) -> Done:
        """Pause one."""
        view = await self.schedules.pause(values.get("name", ""), visit.session.who)
        return Done(f"The schedule {view.name} is paused.")

    async def tell_resume_schedule(self, visit: Visit, values: Values) -> Telling:
        """What goes on."""
        text = "It fires again at its times. What it has missed is not made up for."
        return Telling(f"Resume the schedule {_name(values)}?", text, "Resume the schedule")

    async def resume_schedule(self, visit: Visit, values: Values) -> Done:
        """Resume one."""
        view = await self.schedules.resume(values.get("name", ""), visit.session.who)
        return Done(f"The schedule {view.name} goes on.")

    async def tell_run(self, visit: Visit, values: Values) -> Telling:
        """What is called."""
        text = "It calls its function once, now. Its times stay as they are."
        return Telling(f"Run {_name(values)} now?", text, "Run it now")

    async def run(self, visit: Visit, values: Values) -> Done:
        """Run one now."""
        view = await self.schedules.run_now(values.get("name", ""), visit.session.who)
        return Done(f"The schedule {view.name} is run now.")

    async def tell_pause_queue(self, visit: Visit, values: Values) -> Telling:
        """What waits."""
        text = (
            "Its tasks wait until somebody resumes it; new ones are taken in and wait too. Nothing is lost, "
            "but what is waited for elsewhere may run out of patience."
        )
        return Telling(f"Pause the queue {_name(values)}?", text, "Pause the queue", weight="grave")

    async def pause_queue(self, visit: Visit, values: Values) -> Done:
        """Pause one."""
        view = await self.queues.pause(values.get("name", ""), visit.session.who)
        return Done(f"The queue {view.name} is paused.")

    async def tell_resume_queue(self, visit: Visit, values: Values) -> Telling:
        """What goes on."""
        text = "What waits in it is dispatched, at the rate that the queue allows."
        return Telling(f"Resume the queue {_name(values)}?", text, "Resume the queue")

    async def resume_queue(self, visit: Visit, values: Values) -> Done:
        """Resume one."""
        view = await self.queues.resume(values.get("name", ""), visit.session.who)
        return Done(f"The queue {view.name} goes on.")


def _name(values: Values) -> str:
    return bounded(values.get("name", ""), _MAX_NAME)
