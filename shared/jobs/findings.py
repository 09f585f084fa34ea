"""What audits find, in pages: up to 500 findings a document, in the order in which they were found."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from shared.jobs.records import KEPT, FindingKind

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

COLLECTION = "audit_findings"
PAGE_SIZE = 500
# A document takes 1 MiB (https://firebase.google.com/docs/firestore/quotas), and others give their things ids of
# kilobytes. What is left is for outcomes, of up to three bytes a character.
_MAX_PAGE_BYTES = 500_000
_MAX_OUTCOME = 300
# No account and no user has a longer name (functions/returns/model.py, shared/auth.py).
_MAX_ACCOUNT = 255


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Args:
        kind: ``missing`` from where it should be, ``extra`` where it should not be, or ``different``.
        id: of the return, product, or image (``{product}/{image}``) or object.
        account: whose it is; ``""`` where nothing says so.
        details: what an operator wants to know of it, such as ``{"fields": "status, reason"}``; no customers' data.
    """

    kind: FindingKind
    id: str
    account: str = ""
    details: dict[str, str] = field(default_factory=dict)


def account_of(said: Any) -> str:
    """What a document or a record says of whose it is, as findings have it; a hand may have written anything there."""
    return said[:_MAX_ACCOUNT] if isinstance(said, str) else ""


@dataclass(frozen=True)
class FindingPage:
    """A page of findings. ``name`` sorts as its place in the audit; ``outcomes`` has what a repair made of each."""

    name: str
    findings: tuple[Finding, ...]
    outcomes: tuple[str, ...] = ()


class Findings:
    """The ``audit_findings`` collection."""

    def __init__(self, db: "AsyncClient") -> None:
        self._db = db

    def write(
        self, batch: "AsyncWriteBatch", job_id: str, step: int, findings: Sequence[Finding], now: datetime
    ) -> None:
        """Keep what a step has found when ``batch`` commits: a write for each 500, or fewer where they are long.

        Done again, it is the same. A commit takes 10 MiB in all, which is for the step to observe.
        """
        for number, items in enumerate(_split(findings)):
            name = f"{job_id}-{step:06d}-{number:04d}"
            fields = {"items": b"[%b]" % b",".join(items), "outcomes": b"[]", "expire_at": now + KEPT}
            batch.set(self._document(name), fields)

    def write_outcomes(self, batch: "AsyncWriteBatch", page: FindingPage, outcomes: Sequence[str]) -> None:
        """Say of each finding of a page what a repair made of it, when ``batch`` commits."""
        shortened = [outcome[:_MAX_OUTCOME] for outcome in outcomes]
        batch.update(self._document(page.name), {"outcomes": orjson.dumps(shortened)})

    async def pages(
        self, job_id: str, after: str = "", limit: int | None = None
    ) -> AsyncIterator[FindingPage]:
        """The pages of an audit behind the one that is called ``after``, in order: a read each."""
        query = self._db.collection(COLLECTION).order_by("__name__")
        # The names of an audit's pages begin with its own and a dash; a dot comes next in order.
        query = query.start_after({"__name__": self._document(after or f"{job_id}-")})
        query = query.end_before({"__name__": self._document(f"{job_id}.")})
        async for snapshot in (query.limit(limit) if limit else query).stream():
            yield _page(snapshot.id, snapshot.to_dict() or {})

    def _document(self, name: str) -> Any:
        return self._db.collection(COLLECTION).document(name)


def _split(findings: Sequence[Finding]) -> Iterator[list[bytes]]:
    """Findings as JSON, a page at a time."""
    page: list[bytes] = []
    size = 0
    for item in map(orjson.dumps, findings):
        if page and (len(page) == PAGE_SIZE or size + len(item) > _MAX_PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(item)
        size += len(item)
    if page:
        yield page


def _page(name: str, fields: dict[str, Any]) -> FindingPage:
    items = orjson.loads(fields["items"])
    return FindingPage(
        name, tuple(Finding(**item) for item in items), tuple(orjson.loads(fields["outcomes"]))
    )
