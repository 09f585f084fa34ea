"""Run a query on a snapshot: an ordered walk where it stays short, else gather, check and sort the candidates.

The walk pays when many documents match, gathering when few do. Counts of index entries decide beforehand; a walk that
turns out longer than hoped is given up for gathering, which goes on after what was already delivered.
"""

from collections.abc import Iterator
from heapq import merge
from itertools import chain, groupby, islice
from math import ceil
from typing import NamedTuple

from infra.local.firestore.candidates import Candidates
from infra.local.firestore.encode import encode_path_prefix, successor
from infra.local.firestore.filters import NAME, View
from infra.local.firestore.indexes import IndexSet
from infra.local.firestore.messages import Document
from infra.local.firestore.paths import parse_resource
from infra.local.firestore.planner import Scan, Scope, scans
from infra.local.firestore.queries import Query
from infra.local.firestore.storage import Entry, Reader, Store, tail
from infra.local.firestore.transactions import Fingerprint
from infra.local.firestore.writes import microseconds

_PROBE = 1_000
"""How many index entries are counted at least before a condition is called unselective."""

_PAUSE_EVERY = 200

Steps = Iterator[Document | None]
"""Results in order. None between them means: still at work, let others run."""


class _Entry(NamedTuple):
    """An index entry of a walk: ``order`` merges scopes, entries with one ``run`` still need sorting.

    ``at_edge``: whether it lies between the cursors is still to be checked.
    """

    order: bytes
    run: bytes
    id: int
    data: bytes
    at_edge: bool


class Execution:
    """One run of one query.

    Args:
        store: knows the indexes' ids.
        reader: the snapshot to read.
        indexes: the configured indexes.
        query: what to find.
    """

    def __init__(self, store: Store, reader: Reader, indexes: IndexSet, query: Query) -> None:
        self._store = store
        self._reader = reader
        self._indexes = indexes
        self._query = query
        self._candidates = Candidates(store, reader, indexes, query)
        self._wanted = None if query.limit is None else query.offset + query.limit

    def steps(self) -> Steps:
        """Matching documents in order, between the cursors; the caller applies offset and limit.

        Raises:
            FirestoreError: FAILED_PRECONDITION, the query needs a field that is exempt from indexing.
        """
        if not self._query.group:
            return self._all_collections()
        walks = scans(self._query, self._indexes)
        at_most = -1 if self._wanted is None else max(_PROBE, 2 * self._wanted)
        expected = self._candidates.estimate(self._query.filter, at_most) if self._query.filter else None
        costs = [self._cost(walk, expected, at_most) for walk in walks]
        cheapest = min(range(len(walks)), key=costs.__getitem__, default=None)
        if cheapest is None or (expected is not None and expected < costs[cheapest]):
            return self._gather(skip=0)
        return self._walk_while_short(walks[cheapest])

    def count(self) -> int | None:
        """The number of matches from index entries alone; None where documents must be looked at."""
        query = self._query
        if not query.group or (query.parent and query.whole_group):
            return None
        if query.start or query.end or query.offset or query.limit is not None:
            return None
        return self._candidates.exact_count()

    def _cost(self, walk: Scan, expected: int | None, at_most: int) -> float:
        """How many documents a walk will probably read."""
        length = self._candidates.count(walk, at_most)
        if self._wanted is None or not walk.covers:
            return length
        matches = length if expected is None else min(length, expected)
        return min(length, length * self._wanted / max(1, matches))

    def _walk_while_short(self, walk: Scan) -> Steps:
        """Walk, unless that reads more documents than gathering would."""
        delivered = 0
        budget = _PROBE
        for read, (document, matches) in enumerate(self._walk(walk), 1):
            if matches:
                delivered += 1
                yield document
            elif document is None or read % _PAUSE_EVERY == 0:
                yield None
            if read >= budget and self._query.filter is not None and self._wanted is not None:
                if self._should_gather(read, delivered):
                    yield from self._gather(skip=delivered)
                    return
                budget *= 2

    def _should_gather(self, read: int, delivered: int) -> bool:
        assert self._query.filter is not None
        assert self._wanted is not None
        ahead = (self._wanted - delivered) * read / max(delivered, 0.5)
        expected = self._candidates.estimate(self._query.filter, ceil(ahead))
        return expected is not None and expected < ahead

    def _walk(self, walk: Scan) -> Iterator[tuple[Document | None, bool]]:
        """Every document that a walk reads, in order, and whether it matches; None for many that it need not read."""
        if walk.covers:
            for entry in self._entries(walk):
                if entry is None:
                    yield None, False
                    continue
                document = Document.FromString(entry.data)
                yield document, self._accepts(walk, document, entry.at_edge)
            return
        for _, run in groupby(filter(None, self._entries(walk)), key=lambda entry: entry.run):
            views = [View(Document.FromString(entry.data)) for entry in run]
            keyed = [(self._key_of_match(view) or b"", view) for view in views]
            keyed.sort(key=lambda pair: pair[0])
            for key, view in keyed:
                yield view.document, bool(key)

    def _accepts(self, walk: Scan, document: Document, at_edge: bool) -> bool:
        """Check what a covering walk does not guarantee."""
        query = self._query
        if walk.residual or at_edge or (query.whole_group and query.parent):
            view = View(document)
            return all(node.matches(view) for node in walk.residual) and self._key_in_reach(view) is not None
        return True

    def _key_of_match(self, view: View) -> bytes | None:
        """The sort key of a document that belongs to the results, or None."""
        matches = self._query.filter is None or self._query.filter.matches(view)
        return self._key_in_reach(view) if matches else None

    def _key_in_reach(self, view: View) -> bytes | None:
        """The sort key of a document in the queried collections and between the cursors, or None."""
        query = self._query
        key = query.sort_key(view)
        if key is None or not query.within_bounds(key):
            return None
        if (query.whole_group and query.parent) or not query.group:
            return key if query.in_scope(parse_resource(view.document.name).segments) else None
        return key

    def _entries(self, walk: Scan) -> Iterator[_Entry | None]:
        """A walk's entries in order, but for those that their keys refute; now and then None in their place."""
        streams = [self._scope_entries(walk, scope) for scope in self._candidates.scopes(walk.components)]
        if len(streams) == 1:
            return streams[0]
        entries = (filter(None, stream) for stream in streams)
        return merge(*entries, key=lambda entry: entry.order, reverse=walk.reverse)

    def _scope_entries(self, walk: Scan, scope: Scope) -> Iterator[_Entry | None]:
        start = len(scope.base)
        prefix = tail(walk.components, scope.path_prefix)
        edges = walk.edges(scope) if self._narrows(walk) else (b"",)
        for entry in chain.from_iterable(self._stored(walk, scope, *each) for each in walk.ranges(scope)):
            if entry is None:
                yield None
                continue
            key, cut, document, data = entry
            values = key[start:cut]
            order = values + prefix + key[cut:]
            yield _Entry(order, order if walk.covers else values, document, data, key.startswith(edges))

    def _stored(self, walk: Scan, scope: Scope, low: bytes, high: bytes) -> Iterator[Entry | None]:
        """The entries of one range of keys; see :meth:`_entries`."""
        direction = "DESC" if walk.reverse else "ASC"
        if not walk.refutations:
            yield from self._reader.scan(low, high, direction)
            return
        start = len(scope.base) + len(walk.pinned)
        for number, (key, cut, document) in enumerate(self._reader.keys(low, high, direction), 1):
            if not any(each.refutes(key, start) for each in walk.refutations):
                yield Entry(key, cut, document, self._reader.by_id(document).data)
            elif number % _PAUSE_EVERY == 0:
                yield None

    def _narrows(self, walk: Scan) -> bool:
        """Whether a walk's ranges take each of the query's cursors into account."""
        return (not self._query.start or bool(walk.start)) and (not self._query.end or bool(walk.end))

    def _gather(self, skip: int) -> Steps:
        """Check all candidates, sort, and deliver those after the first ``skip``."""
        assert self._query.filter is not None
        found = []
        candidates = self._candidates.superset(self._query.filter) or ()
        for number, document in enumerate(candidates, 1):
            key = self._key_of_match(View(Document.FromString(self._reader.by_id(document).data)))
            if key is not None:
                found.append((key, document))
            if number % _PAUSE_EVERY == 0:
                yield None
        yield from islice(self._in_order(found), skip, None)

    def _all_collections(self) -> Steps:
        """Documents of every collection below the parent; by name, unless an aggregation orders them."""
        base = self._store.database(self._query.database)
        low, high = self._path_range()
        by_name = len(self._query.orders) == 1
        found = []
        for number, stored in enumerate(self._reader.below(base + low, base + high), 1):
            document = Document.FromString(stored.data)
            key = self._key_of_match(View(document))
            if key is not None and by_name:
                yield document
            elif key is not None:
                found.append((key, stored.id))
            if number % _PAUSE_EVERY == 0:
                yield None
        yield from self._in_order(found)

    def _in_order(self, found: list[tuple[bytes, int]]) -> Steps:
        for _, document in sorted(found):
            yield Document.FromString(self._reader.by_id(document).data)

    def _path_range(self) -> tuple[bytes, bytes]:
        query = self._query
        prefix = encode_path_prefix(query.parent)
        low, high = prefix, successor(prefix)
        if query.start and query.orders[0].path == NAME:
            low = max(low, query.start.key)
        if query.end and query.orders[0].path == NAME:
            high = min(high, successor(query.end.key))
        return low, high


class Page:
    """What a query's offset and limit leave of its results; ``skipped`` counts what the offset has passed over."""

    def __init__(self, steps: Steps, query: Query) -> None:
        self._steps = steps
        self._query = query
        self.skipped = 0

    def __iter__(self) -> Steps:
        query, delivered = self._query, 0
        if query.limit == 0:
            return
        for document in self._steps:
            if document is None:
                yield None
            elif self.skipped < query.offset:
                self.skipped += 1
            else:
                delivered += 1
                yield document
                if delivered == query.limit:
                    return


def fingerprint(store: Store, reader: Reader, indexes: IndexSet, query: Query) -> Fingerprint:
    """A query's results as names and versions, to tell whether they have changed."""
    found = Page(Execution(store, reader, indexes, query).steps(), query)
    return tuple(identity(document) for document in found if document is not None)


def identity(document: Document) -> tuple[str, int]:
    """A document's name and version."""
    return document.name, microseconds(document.update_time)
