"""The local Algolia: the Search REST API, as far as a search index, its settings and its replicas need it."""

from .service import AlgoliaService

__all__ = ["AlgoliaService"]
