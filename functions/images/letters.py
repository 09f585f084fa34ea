"""Dead letters of the tasks about images: the image ends as failed in the commit that keeps its letter."""

from dataclasses import dataclass, replace

from pydantic import ValidationError

from functions.images.outcomes import Outcomes
from shared.clock import Clock
from shared.dead_letters import DeadLetter, DeadLetters
from shared.errors import PermanentError
from shared.images import Images, ImageTask


@dataclass(frozen=True)
class ImageLetters:
    """A letter box that knows which image a task was about."""

    images: Images
    outcomes: Outcomes
    dead_letters: DeadLetters
    clock: Clock

    async def add(self, letter: DeadLetter) -> None:
        """Keep ``letter``, and end its image as failed, unless it has come to another end already.

        Raises:
            TransientError: others keep writing its product; the sweeper will find it.
        """
        try:
            task = ImageTask.model_validate(letter.payload)
        except ValidationError:
            await self.dead_letters.add(letter)
            return
        image = await self.images.get(task.image_id)
        if image is None or image.series != task.series:
            return
        if image.claimed_until and image.claimed_until > self.clock():
            # The last attempt has brought the original after all, though it does not know it.
            return
        tried = replace(image, attempts=letter.attempts)
        await self.outcomes.failed(tried, letter.function, PermanentError(letter.error))
