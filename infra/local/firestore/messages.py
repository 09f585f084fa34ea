"""Firestore's raw protobuf classes, without the proto-plus wrappers, which cost several times as much to build."""

from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1 import types as _types
from google.protobuf.timestamp_pb2 import Timestamp as _Timestamp
from google.rpc.status_pb2 import Status as _Status

if TYPE_CHECKING:  # the generated classes carry no types of their own

    class Document(Any): ...  # type: ignore[misc]

    class Value(Any): ...  # type: ignore[misc]

    class Write(Any): ...  # type: ignore[misc]

    class Precondition(Any): ...  # type: ignore[misc]

    class StructuredQuery(Any): ...  # type: ignore[misc]

    class StructuredAggregationQuery(Any): ...  # type: ignore[misc]

    class Timestamp(Any): ...  # type: ignore[misc]

    class Status(Any): ...  # type: ignore[misc]

else:
    Document = _types.Document.pb()
    Value = _types.Value.pb()
    Write = _types.Write.pb()
    Precondition = _types.Precondition.pb()
    StructuredQuery = _types.StructuredQuery.pb()
    StructuredAggregationQuery = _types.StructuredAggregationQuery.pb()
    Timestamp = _Timestamp
    Status = _Status

WriteResult: Any = _types.WriteResult.pb()
CommitResponse: Any = _types.CommitResponse.pb()
BatchWriteResponse: Any = _types.BatchWriteResponse.pb()
BatchGetDocumentsResponse: Any = _types.BatchGetDocumentsResponse.pb()
BeginTransactionResponse: Any = _types.BeginTransactionResponse.pb()
RunQueryResponse: Any = _types.RunQueryResponse.pb()
RunAggregationQueryResponse: Any = _types.RunAggregationQueryResponse.pb()
AggregationResult: Any = _types.AggregationResult.pb()
ListDocumentsResponse: Any = _types.ListDocumentsResponse.pb()
ListCollectionIdsResponse: Any = _types.ListCollectionIdsResponse.pb()
PartitionQueryResponse: Any = _types.PartitionQueryResponse.pb()
Cursor: Any = _types.Cursor.pb()
