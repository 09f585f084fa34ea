"""A local Cloud Storage: buckets and objects over HTTP, as Google's client library uses them, and their events.

Unlike Google's: every bucket has uniform access, the JSON API asks nobody who they are, and what is not known here
(object versioning, soft deletion, holds, customer's keys, HMAC keys, IAM, notifications) is refused with 501 Not
Implemented. A kill of the process loses nothing that was acknowledged; a power cut may.
"""

from .service import StorageService

__all__ = ["StorageService"]
