"""The instances of a function: how many there are, which takes a request, and when it has done its CPU's part.

Cloud Run keeps an instance's concurrency at 60 % of its maximum and an idle instance for up to 15 minutes:
https://cloud.google.com/run/docs/about-instance-autoscaling. Scaling by CPU is not modelled.
"""

from dataclasses import dataclass
from operator import attrgetter

import simpy

from infra.topology import Function

TARGET = 0.6
IDLE_SECONDS = 900.0
_CPU_FREE_AT = attrgetter("cpu_free_at")


@dataclass(slots=True, eq=False)
class Instance:
    """One instance. Its CPU does one request after the other; requests that wait for others do not use it.

    Args:
        cpu_free_at: when it can begin with another request's part, its own start included.
        active: requests in it.
        since: when it became busy, or idle.
    """

    cpu_free_at: float
    since: float
    active: int = 0


class Fleet:
    """All instances of one function.

    Args:
        cold_start: seconds until a new instance takes its first request.
    """

    def __init__(self, env: simpy.Environment, function: Function, cold_start: float) -> None:
        self._env = env
        self._function = function
        self._cold_start = cold_start
        self._instances: list[Instance] = []
        self._active = 0
        self.most = 0
        self.cpu_seconds = 0.0
        self._ended_seconds = 0.0

    @property
    def busy(self) -> int:
        """Instances with a request in them."""
        return sum(instance.active > 0 for instance in self._instances)

    @property
    def busy_seconds(self) -> float:
        """How long instances have had a request in them, together."""
        now = self._env.now
        return self._ended_seconds + sum(now - each.since for each in self._instances if each.active)

    def admit(self, cpu: float, wait: float) -> tuple[Instance, float] | None:
        """Begin a request that takes so many seconds of CPU, and then waits for others.

        Returns:
            Its instance and when it ends; ``None`` if all instances are full, which Cloud Run answers with 429.
        """
        self._scale()
        free = [each for each in self._instances if each.active < self._function.concurrency]
        if not free:
            return None
        instance, now = min(free, key=_CPU_FREE_AT), self._env.now
        if instance.active == 0:
            instance.since = now
        instance.active += 1
        self._active += 1
        instance.cpu_free_at = max(instance.cpu_free_at, now) + cpu / self._function.cpu
        self.cpu_seconds += cpu
        self.most = max(self.most, self.busy) if instance.active == 1 else self.most
        return instance, instance.cpu_free_at + wait

    def release(self, instance: Instance) -> None:
        """A request has ended."""
        instance.active -= 1
        self._active -= 1
        if instance.active == 0:
            self._ended_seconds += self._env.now - instance.since
            instance.since = self._env.now

    def _scale(self) -> None:
        room = TARGET * self._function.concurrency * len(self._instances)
        if self._active + 1 <= room or len(self._instances) == self._function.max_instances:
            return
        now = self._env.now
        self._instances = [each for each in self._instances if each.active or each.since > now - IDLE_SECONDS]
        self._instances.append(Instance(now + self._cold_start, now))
