"""Replaying and discarding dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from functions.ops.console.acts import Act, Done, Input, Telling, Values, chosen, required_text
from functions.ops.console.formatting import bounded
from functions.ops.console.rendering import Visit
from functions.ops.dead_letters import LetterId, LetterQuery, Letters, QueueName, StoredLetter, no_letter
from functions.ops.replay import MAX_LETTERS, ReplayedAll, Replays
from shared.problems import Problem

_letter_id = TypeAdapter[str](LetterId)
_queue = TypeAdapter[QueueName](QueueName)
_MAX_SHOWN = 300


@dataclass(frozen=True)
class LetterActs:
    """What is done with dead letters."""

    letters: Letters
    replays: Replays

    def acts(self) -> Mapping[str, Act]:
        return {
            "dead-letter.replay": Act(("letter",), self.tell_replay, self.replay),
            "dead-letter.discard": Act(("letter", "reason"), self.tell_discard, self.discard),
            "dead-letter.replay-all": Act(("queue",), self.tell_replay_all, self.replay_all),
        }

    async def tell_replay(self, visit: Visit, values: Values) -> Telling:
        """What a replay does."""
        letter = await self.letters.get(letter_id_in(values))
        return Telling(
            "Replay this dead letter?",
            "Its work is tried again from the beginning, with all attempts, and the letter is closed. "
            "If the work fails for good once more, a new letter is made.",
            "Replay the letter",
            _facts(letter),
        )

    async def replay(self, visit: Visit, values: Values) -> Done:
        """Replay one."""
        letter = await self.replays.one(letter_id_in(values), visit.session.who)
        return Done(f"Letter {letter.id[:8]} is replayed: its work is on the queue {letter.queue}.")

    async def tell_discard(self, visit: Visit, values: Values) -> Telling:
        """What it means to discard a letter."""
        letter = await self.letters.get(letter_id_in(values))
        return Telling(
            "Discard this dead letter?",
            "The letter is closed for good and its work is never done. It stays to be read, with your reason.",
            "Discard the letter",
            _facts(letter),
            [Input("reason", "Reason", "long", "Why nobody wants this work any more.")],
            weight="grave",
        )

    async def discard(self, visit: Visit, values: Values) -> Done:
        """Discard one."""
        reason = required_text(values, "reason", "Say why nobody wants this work any more.")
        letter = await self.letters.discard(letter_id_in(values), visit.session.who, reason[:500])
        return Done(f"Letter {letter.id[:8]} is discarded.")

    async def tell_replay_all(self, visit: Visit, values: Values) -> Telling:
        """How many letters would be replayed."""
        queue = chosen(values, "queue", _queue)
        found = await self.letters.page(LetterQuery(status="open", queue=queue, limit=1))
        return Telling(
            f"Replay the open letters of {queue}?",
            f"The work of each is tried again, the oldest first, {MAX_LETTERS} letters at most. "
            "One that cannot be replayed stays open and keeps none from its turn.",
            "Replay them all",
            [("Queue", queue), ("Open letters", f"{found.total:,}")],
            weight="grave",
        )

    async def replay_all(self, visit: Visit, values: Values) -> Done:
        """Replay those of a queue."""
        queue = chosen(values, "queue", _queue)
        return Done(_told(await self.replays.oldest(queue, MAX_LETTERS, visit.session.who)))


def letter_id_in(values: Values) -> str:
    """The id of a letter.

    Raises:
        Problem: 404, no letter can have such an id.
    """
    try:
        return chosen(values, "letter", _letter_id)
    except Problem as problem:
        raise no_letter(bounded(values.get("letter", ""), 40)) from problem


def _facts(letter: StoredLetter) -> list[tuple[str, str]]:
    return [
        ("Letter", letter.id),
        ("Status", letter.closing.status),
        ("Queue", letter.queue),
        ("Given up by", f"{letter.function}, after {letter.attempts} attempts"),
        ("Error", bounded(letter.error, _MAX_SHOWN)),
        ("Work", bounded(letter.payload, _MAX_SHOWN)),
    ]


def _told(result: ReplayedAll) -> str:
    text = "1 letter is replayed." if result.replayed == 1 else f"{result.replayed:,} letters are replayed."
    if result.failed:
        first = result.failed[0]
        text += f" {len(result.failed):,} could not be; the first of them, {first.id[:8]}: {first.detail}"
    return f"{text} There are more: repeat it." if result.more else text
