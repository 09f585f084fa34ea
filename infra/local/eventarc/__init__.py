"""A local Eventarc: the events of buckets, delivered to functions as CloudEvents until they are acknowledged."""
