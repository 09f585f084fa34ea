"""All queues of the local Cloud Tasks with their dispatchers: what is running, and what is due next."""

import asyncio
from collections.abc import Iterator
from typing import Any

from infra.local.refusal import not_found
from infra.local.tasks.dispatcher import Dispatcher, Environment

# "a tombstone window of up to 3 days" (CloudTasks.DeleteQueue): here always the three days.
QUEUE_NAME_TAKEN_SECONDS = 3 * 24 * 3600.0


class Fleet:
    """The dispatchers by queue name, in step with the stored queues."""

    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self._running = False
        self._dispatchers = {
            queue.name: Dispatcher(queue, environment) for queue in environment.store.queues()
        }

    def __iter__(self) -> Iterator[Dispatcher]:
        return iter(self._dispatchers.values())

    def start(self) -> None:
        """Begin to dispatch on every queue, and on those that are added later; first what was cut off."""
        self._env.store.unmark_running()
        self._running = True
        for dispatcher in self:
            dispatcher.start()

    async def stop(self) -> None:
        """Abandon all deliveries and wait for that."""
        self._running = False
        under_way = [task for dispatcher in self for task in dispatcher.stop()]
        await asyncio.gather(*under_way, return_exceptions=True)

    def wake(self) -> None:
        """The clock has moved."""
        for dispatcher in self:
            dispatcher.wake()

    def of(self, queue_name: str) -> Dispatcher:
        """The dispatcher of a queue.

        Raises:
            Refusal: NOT_FOUND, there is no such queue.
        """
        try:
            return self._dispatchers[queue_name]
        except KeyError:
            raise not_found(f"the queue {queue_name!r} does not exist") from None

    def get(self, queue_name: str) -> Dispatcher | None:
        """The dispatcher of a queue, if there is such a queue."""
        return self._dispatchers.get(queue_name)

    def save(self, queue: Any) -> None:
        """Create a queue, or give it new settings."""
        self._env.store.save_queue(queue)
        dispatcher = self._dispatchers.get(queue.name)
        if dispatcher:
            dispatcher.configure(queue)
        else:
            self._dispatchers[queue.name] = dispatcher = Dispatcher(queue, self._env)
            if self._running:
                dispatcher.start()
        self._env.on_progress()

    def remove(self, queue_name: str) -> None:
        """Delete a queue with its tasks; deliveries under way are abandoned.

        Raises:
            Refusal: NOT_FOUND, there is no such queue.
        """
        self.of(queue_name).stop()
        del self._dispatchers[queue_name]
        self._env.store.delete_queue(queue_name, self._env.clock.time() + QUEUE_NAME_TAKEN_SECONDS)
        self._env.on_progress()

    def busy(self) -> bool:
        """Whether a task is being delivered, or could be now."""
        return any(dispatcher.delivering for dispatcher in self) or self._has_due()

    def next_due(self) -> float | None:
        """The earliest time at which a waiting task may be dispatched, in seconds since the epoch."""
        times = [due for dispatcher in self if (due := dispatcher.next_due()) is not None]
        return min(times, default=None)

    def _has_due(self) -> bool:
        due = self.next_due()
        return due is not None and due <= self._env.clock.time()
