"""The sweeper: makes good what died between two steps of an image's way.

Whatever is to happen to an image has a deadline in its document. Past it, its task was never enqueued, or was lost; or
the event about its original was, or whoever worked on it was killed in its last attempt.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from functions.images.outcomes import Outcomes
from shared.clock import Clock
from shared.images import (
    FIRST_ATTEMPT_WITHIN,
    IMAGE_FETCH,
    IMAGE_REMOVAL,
    MAX_ATTEMPTS,
    Images,
    ImageTask,
    StoredImage,
    reopened,
)
from shared.tasks import Queue, TaskQueues

_log = logging.getLogger(__name__)

FUNCTION = "image-sweeper"
# As many as one sweep looks into, and how many at once. What is left over is the next sweep's.
_MAX_IMAGES = 500
_AT_ONCE = 20

Remedy = Literal["remove", "enqueue", "restart", "bury"]
Result = Literal["enqueued", "restarted", "buried", "changed", "failed"]


def remedy(image: StoredImage) -> Remedy:
    """What an overdue image lacks."""
    if image.status == "removed":
        return "remove"
    if image.attempts >= MAX_ATTEMPTS:
        return "bury"
    return "enqueue" if image.status == "pending" and image.attempts == 0 else "restart"


@dataclass(frozen=True)
class Sweeper:
    """Looks into overdue images: one read each, and a write for what is mended."""

    images: Images
    outcomes: Outcomes
    queues: TaskQueues
    clock: Clock

    async def sweep(self) -> dict[str, int]:
        """Mend what is overdue; how many images had which :data:`Result`."""
        overdue = await self.images.overdue(_MAX_IMAGES)
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(image: StoredImage) -> Result:
            async with several:
                return await self._mend(image)

        counts: dict[str, int] = Counter(await asyncio.gather(*(one(image) for image in overdue)))
        if counts:
            _log.warning("images.swept", extra=counts)
        return counts

    async def _mend(self, image: StoredImage) -> Result:
        """One image; a failure leaves it to the next sweep and the others alone."""
        try:
            match remedy(image):
                case "remove":
                    return await self._restart(image, IMAGE_REMOVAL)
                case "enqueue":
                    return await self._enqueue(image)
                case "restart":
                    return await self._restart(image, IMAGE_FETCH)
                case "bury":
                    ending = await self.outcomes.killed(image, FUNCTION)
                    return "buried" if ending.kind == "settled" else "changed"
        except Exception as error:
            _log.exception("images.sweep_failed", extra={"image": image.id, "error": repr(error)})
            return "failed"

    async def _enqueue(self, image: StoredImage) -> Result:
        # Before the task, which runs at once and would find the image changing under its hands.
        waiting = await self.images.change(image, {"deadline": self.clock() + FIRST_ATTEMPT_WITHIN})
        if waiting is None:
            return "changed"
        if await self.queues.enqueue(IMAGE_FETCH, image.task, key=image.task.key):
            return "enqueued"
        # Its task has been there: it waits in a queue that is held up, or it has ended without a word, since the
        # function could not even begin. The name is taken for a day, so that another one has to do.
        return await self._restart(waiting, IMAGE_FETCH)

    async def _restart(self, image: StoredImage, queue: Queue[ImageTask]) -> Result:
        """Begin a new series, since names of tasks are taken for a day; a straggler of the old one is ignored."""
        again = await self.images.change(image, reopened(image.series + 1, self.clock()))
        if again is None:
            return "changed"
        await self.queues.enqueue(queue, again.task, key=again.task.key)
        return "restarted"
