"""Serve a Google API over gRPC without its .proto files.

The client libraries know every method's path and message classes. A channel that only records what a client's
transport asks of it yields that table, and generic handlers serve it: the wire format is Google's own.
"""

from collections.abc import Callable, Mapping
from typing import Any

import grpc

Method = Callable[[Any, grpc.aio.ServicerContext], Any]

_ARITIES = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}


class _RecordingChannel(grpc.Channel):  # type: ignore[misc]  # grpc ships no types
    """Notes each method's path, arity and request class; never connects."""

    def __init__(self) -> None:
        self.methods: dict[str, tuple[str, Callable[[bytes], Any], Callable[[Any], bytes]]] = {}

    def _record(self, arity: str, path: str, request_serializer: Any) -> Callable[..., Any]:
        self.methods[path] = (arity, _parser(request_serializer), _serialize)
        return lambda *args, **kwargs: None

    def unary_unary(self, path: str, request_serializer: Any = None, *_: Any, **__: Any) -> Any:
        return self._record("unary_unary", path, request_serializer)

    def unary_stream(self, path: str, request_serializer: Any = None, *_: Any, **__: Any) -> Any:
        return self._record("unary_stream", path, request_serializer)

    def stream_unary(self, path: str, request_serializer: Any = None, *_: Any, **__: Any) -> Any:
        return self._record("stream_unary", path, request_serializer)

    def stream_stream(self, path: str, request_serializer: Any = None, *_: Any, **__: Any) -> Any:
        return self._record("stream_stream", path, request_serializer)

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None: ...

    def unsubscribe(self, callback: Any) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> "_RecordingChannel":
        return self

    def __exit__(self, *_: object) -> None: ...


def _parser(request_serializer: Any) -> Callable[[bytes], Any]:
    """The inverse of a client's request serializer, as a raw protobuf message (proto-plus wrappers cost time)."""
    owner = getattr(request_serializer, "__self__", None)
    if owner is not None and hasattr(owner, "pb"):  # a proto-plus class method
        return owner.pb().FromString  # type: ignore[no-any-return]
    message = getattr(request_serializer, "__objclass__", None) or owner
    return message.FromString  # type: ignore[union-attr,no-any-return]


def _serialize(message: Any) -> bytes:
    raw = message._pb if hasattr(message, "_pb") else message
    return raw.SerializeToString()  # type: ignore[no-any-return]


def service_handler(transport_class: Any, methods: Mapping[str, Method]) -> grpc.GenericRpcHandler:
    """Handlers for every RPC that ``transport_class`` can call.

    Args:
        transport_class: a client library's synchronous gRPC transport, such as ``FirestoreGrpcTransport``.
        methods: implementations by RPC name (``"Commit"``). Requests arrive as raw protobuf messages; answers
            may be raw or proto-plus messages. An RPC that is not listed answers UNIMPLEMENTED.
    """
    channel = _RecordingChannel()
    transport = transport_class(channel=channel)
    # The transport's logging interceptor would put off the unary stubs until their first call.
    transport._logged_channel = channel
    transport._stubs.clear()
    for name in dir(type(transport)):
        if not name.startswith("_") and isinstance(getattr(type(transport), name), property):
            getattr(transport, name)
    by_service: dict[str, dict[str, Any]] = {}
    for path, (arity, parse, serialize) in channel.methods.items():
        _, service, rpc = path.split("/")
        if rpc in methods:
            by_service.setdefault(service, {})[rpc] = _ARITIES[arity](methods[rpc], parse, serialize)
    (service, handlers), *others = by_service.items()
    if others:
        raise ValueError(f"{transport_class.__name__} speaks more than one service: {sorted(by_service)}")
    return grpc.method_handlers_generic_handler(service, handlers)
