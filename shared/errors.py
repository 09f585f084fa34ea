"""The exceptions of the back office: one tree, so that an edge can tell at a glance what to do with each."""


class BackstockError(Exception):
    """The base of everything that this code raises on purpose."""


class ConfigurationError(BackstockError):
    """The environment cannot run this function; the text says what to set."""


class TransientError(BackstockError):
    """It may work later: a task is tried again, a request answers 503."""


class RetryAfterError(TransientError):
    """It may work once ``seconds`` have passed, and will not before: who is asked has said so."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.seconds = seconds


class PermanentError(BackstockError):
    """It will never work as it is: a task is dead-lettered, never tried again."""
