"""Dead letters of price updates: the store ends as failed in the commit that keeps its letter, and holds up nobody."""

from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from functions.prices.endings import Endings
from functions.prices.queues import PRICE_UPDATES, UpdateTask
from functions.prices.runs import MAX_TURNS
from functions.prices.stores import RunStores
from shared.dead_letters import DeadLetter, DeadLetters, report
from shared.errors import TransientError


@dataclass(frozen=True)
class UpdateLetters:
    """A letter box that knows which store a task was about.

    Letters can be replayed as they are: a store that failed is updated once its last chunk has come in.
    """

    stores: RunStores
    endings: Endings
    dead_letters: DeadLetters

    async def add(self, letter: DeadLetter) -> None:
        """Keep ``letter``, and end its store as failed, unless all of it has come in or it is being run anew.

        Raises:
            TransientError: others keep writing the store; the sweeper will find that it is missing.
        """
        try:
            task = UpdateTask.model_validate(letter.payload)
        except ValidationError:
            await self.dead_letters.add(letter)
            return
        for _ in range(MAX_TURNS):
            store = await self.stores.get(task.run_id, task.store_id)
            if store is None:
                await self.dead_letters.add(letter)
                return
            if store.status == "failed":
                await self.dead_letters.add(letter)
                # Whoever ended it so may have died before the run's end.
                await self.endings.follow_up(store)
                return
            if store.is_settled or store.is_left_out or store.series != task.series:
                return
            if await self.endings.settle(
                store, "failed", _told(letter), partial(self.dead_letters.write, letter=letter)
            ):
                report(letter)
                await self.endings.follow_up(store)
                return
        raise TransientError("Others keep writing the store.")


def _told(letter: DeadLetter) -> str:
    """What the retailer reads of it. Other people's errors, which may name the inside of our cloud, are not for it."""
    if letter.attempts < PRICE_UPDATES.max_attempts:
        # Given up before the last attempt: by us and on purpose, in words of ours.
        return letter.error
    return f"It could not be brought in, and was given up after {letter.attempts} attempts."
