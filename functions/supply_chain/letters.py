"""Dead letters of the deliveries: the event ends as dead in the commit that keeps its letter."""

from dataclasses import dataclass

from pydantic import ValidationError

from shared.dead_letters import DeadLetter, DeadLetters
from shared.errors import TransientError
from shared.outbox import Outbox, ProductEvent


@dataclass(frozen=True)
class EventLetters:
    """A letter box that knows which event a task was about."""

    outbox: Outbox
    dead_letters: DeadLetters

    async def add(self, letter: DeadLetter) -> None:
        """Keep ``letter``, and end its event as dead unless it has come to another end already.

        Raises:
            TransientError: the event is being changed; the sweeper will find it.
        """
        try:
            task = ProductEvent.model_validate(letter.payload)
        except ValidationError:
            await self.dead_letters.add(letter)
            return
        event = await self.outbox.get(task.event_id)
        if event is None or event.status != "pending" or event.series != task.series:
            return
        if not await self.outbox.bury(event, letter.error):
            raise TransientError("The event is being changed by somebody else.")
