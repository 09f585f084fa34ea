"""Protobuf's timestamps and durations as float seconds, and back."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(seconds: float) -> Timestamp:
    """A timestamp, to the microsecond."""
    message = Timestamp()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message


def seconds_of(timestamp: Timestamp) -> float:
    """Seconds since the epoch."""
    return float(timestamp.ToMicroseconds() / 1_000_000)


def duration(seconds: float) -> Duration:
    """A duration, to the microsecond."""
    message = Duration()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message


def length_of(duration: Duration) -> float:
    """A duration in seconds."""
    return float(duration.ToNanoseconds() / 1_000_000_000)
