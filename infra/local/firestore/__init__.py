"""A local Firestore: Google's gRPC protocol over documents and ordered indexes kept in SQLite."""

from infra.local.firestore.indexes import CompositeIndex, Exemption
from infra.local.firestore.service import FirestoreService

__all__ = ["CompositeIndex", "Exemption", "FirestoreService"]
