"""When a failed attempt is tried again, as Cloud Tasks and Cloud Scheduler document it.

Source: the fields of ``google.cloud.tasks.v2.RetryConfig`` and ``google.cloud.scheduler.v1.RetryConfig``.
"""

from dataclasses import dataclass

# Beyond this many doublings every positive interval has passed every possible ceiling; 2.0**1024 overflows.
_ENOUGH_DOUBLINGS = 1000


@dataclass(frozen=True)
class RetryPolicy:
    """The retry parameters of a queue, a task or a job.

    Attributes:
        max_attempts: attempts including the first; -1 for no such limit.
        max_retry_duration: seconds since the first attempt; 0 for no such limit.
        min_backoff: seconds before the first retry.
        max_backoff: the longest interval, in seconds.
        max_doublings: how often the interval doubles before it grows linearly.
    """

    max_attempts: int
    max_retry_duration: float
    min_backoff: float
    max_backoff: float
    max_doublings: int

    def interval(self, retry: int) -> float:
        """Seconds to wait before retry number ``retry`` (the first retry is 1).

        The interval starts at ``min_backoff``, doubles ``max_doublings`` times, then grows by the last
        doubled value, and stays at ``max_backoff``. Google's example, 10 s to 300 s with 3 doublings,
        gives 10, 20, 40, 80, 160, 240, 300, 300, …
        """
        doublings = min(retry - 1, self.max_doublings, _ENOUGH_DOUBLINGS)
        steps = retry - doublings
        return min(self.min_backoff * 2.0**doublings * steps, self.max_backoff)

    def next_attempt(self, failures: int, first_attempt: float, failed_at: float) -> float | None:
        """The time of the attempt after ``failures`` failed ones, or None when there is none.

        Retrying ends only when *every* limit that is set has been reached; with none set it never ends.

        Args:
            failures: failed attempts so far, at least 1.
            first_attempt: when the first attempt was dispatched, in seconds since the epoch.
            failed_at: when the last attempt failed, in seconds since the epoch.
        """
        retry_at = failed_at + self.interval(failures)
        reached = []
        if self.max_attempts != -1:
            reached.append(failures >= self.max_attempts)
        if self.max_retry_duration > 0:
            reached.append(retry_at - first_attempt > self.max_retry_duration)
        return None if reached and all(reached) else retry_at
