"""An event of a bucket as a CloudEvent over HTTP, in binary mode.

Sources: https://cloud.google.com/eventarc/docs/cloudevents and the CloudEvents HTTP binding,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

# Printable ASCII, less what the binding has percent-encoded in a header: space, double quote and percent.
_AS_IT_IS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class ObjectEvent(Protocol):
    """Something that has happened to an object.

    Attributes:
        id: of this event, and of no other.
        type: such as ``google.cloud.storage.object.v1.finalized``.
        time: when it happened, RFC 3339.
        data: the object's resource, as the JSON API has it.
    """

    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def bucket(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def time(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class EventSource(Protocol):
    """Keeps events until they have been taken over."""

    def pending(self, limit: int) -> Sequence[ObjectEvent]:
        """The oldest events that it keeps."""

    def forget(self, ids: Collection[str]) -> None:
        """Keep these no longer."""


def headers_of(event: ObjectEvent) -> dict[str, str]:
    """The headers that are the same in each attempt."""
    attributes = {
        "id": event.id,
        "source": f"//storage.googleapis.com/projects/_/buckets/{event.bucket}",
        "specversion": "1.0",
        "type": event.type,
        "subject": f"objects/{event.name}",
        "time": event.time,
        "bucket": event.bucket,
    }
    encoded = {f"ce-{name}": quote(value, safe=_AS_IT_IS) for name, value in attributes.items()}
    return {**encoded, "Content-Type": "application/json"}


def body_of(event: ObjectEvent) -> bytes:
    """The event's data."""
    return json.dumps(event.data, ensure_ascii=False).encode()


def traceparent(event_id: str, attempt: int) -> str:
    """The header by which an event's attempts are one trace, each a span of its own (W3C Trace Context, level 1)."""
    trace = hashlib.sha256(event_id.encode()).hexdigest()[:32]
    span = hashlib.sha256(f"{event_id}:{attempt}".encode()).hexdigest()[:16]
    return f"00-{trace}-{span}-01"
