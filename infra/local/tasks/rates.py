"""How fast a queue may dispatch: the token bucket, and the hold after a handler asked for relief."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil

_MIN_BURST = 10
_FIRST_HOLD = 1.0
_LONGEST_HOLD = 60.0
_LONGEST_RETRY_AFTER = 3600.0


def burst_size(max_dispatches_per_second: float) -> int:
    """The bucket's size for a rate.

    ``RateLimits.max_burst_size`` documents "at least equal" to the rate, but no formula. Google has always
    given a queue of 1/s a bucket of 10, which is the floor here.
    """
    return max(_MIN_BURST, ceil(max_dispatches_per_second))


@dataclass
class TokenBucket:
    """A bucket that loses one token for each dispatch and refills at ``rate`` tokens a second."""

    rate: float
    size: int
    tokens: float
    filled_at: float

    @classmethod
    def full(cls, rate: float, now: float) -> "TokenBucket":
        """A full bucket for ``rate`` dispatches a second."""
        size = burst_size(rate)
        return cls(rate, size, float(size), now)

    def available(self, now: float) -> int:
        """Whole tokens in the bucket at ``now`` (seconds since the epoch)."""
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.filled_at) * self.rate)
        self.filled_at = now
        return int(self.tokens)

    def take(self, count: int) -> None:
        """Remove ``count`` tokens, which must be available."""
        self.tokens -= count

    def next_token_at(self) -> float:
        """When the next whole token is there, in seconds since the epoch."""
        return self.filled_at + max(0.0, 1.0 - self.tokens) / self.rate


def retry_after_seconds(header: str, now: float) -> float:
    """Seconds that a ``Retry-After`` header (RFC 9110, 10.2.3: seconds or a date) asks for; else 0.

    At most an hour is granted, so that a wrong date cannot silence a queue for good.
    """
    if header.isascii() and header.isdigit():
        wanted = float(header)
    else:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        wanted = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now
    return min(max(wanted, 0.0), _LONGEST_RETRY_AFTER)


def hold_seconds(consecutive: int, retry_after: float) -> float:
    """How long a queue rests after a 429 or a 503.

    Google documents that the whole queue slows down and that ``Retry-After`` is considered, but no formula.
    Here it rests for 1 s, doubled with each consecutive such answer up to 60 s, or longer if the handler
    asked for it.
    """
    return max(min(_FIRST_HOLD * 2.0 ** min(consecutive - 1, 10), _LONGEST_HOLD), retry_after)
