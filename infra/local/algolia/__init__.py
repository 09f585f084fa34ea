"""The local Algolia: the Search REST API, as far as a search index, its settings and its replicas need it.

Not here, and refused rather than answered wrongly: geo search, distinct, rules, synonyms, optional filters and
filter scores, plurals and stop words, advanced syntax, removeWordsIfNoResults, personalization, A/B tests, analytics,
dictionaries, logs, creating keys, and the Ingestion API.

Known differences: a word matches with at most one edit (Algolia: two in long words); words are neither split nor
joined ("iphone" does not find "i phone"), and languages without spaces are not segmented; browse goes by objectID;
records can be found before their task is published; a virtual replica sorts all matches (relevancyStrictness 0).
"""

from .service import AlgoliaService

__all__ = ["AlgoliaService"]
