"""The findings of an audit a page at a time, of one account or kind if that is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter

from shared import cursors
from shared.jobs.findings import Finding, FindingPage, Findings
from shared.jobs.records import FindingKind
from shared.problems import invalid_fields
from shared.queries import Query

# Documents of up to 500 findings that are read to fill a page: where a filter lets little pass, a page may be short.
_MAX_READ = 20

# The document behind which a list goes on, and how many findings of the next one have been seen.
_position = TypeAdapter[tuple[str, int]](
    tuple[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{0,120}$")],
        Annotated[int, Field(ge=0, lt=500)],
    ]
)


class FindingQuery(Query):
    """Which findings of an audit to list, in the order in which they were found."""

    account: str | None = Field(None, max_length=255, description="Whose.")
    kind: FindingKind | None = None
    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(
        None,
        max_length=cursors.MAX_LENGTH,
        description="`next_cursor` of the page before, for the same list.",
    )

    def takes(self, finding: Finding) -> bool:
        """Whether a finding is asked for."""
        return self.account in (None, finding.account) and self.kind in (None, finding.kind)


@dataclass(frozen=True)
class ListedFinding:
    """A finding, and what a repair made of it: ``""`` if none has been there."""

    finding: Finding
    outcome: str


@dataclass(frozen=True)
class FindingList:
    """A page of findings, which may be short and still have a next one."""

    findings: list[ListedFinding]
    next_cursor: str | None


@dataclass(frozen=True)
class FindingLists:
    """Lists findings."""

    findings: Findings

    async def page(self, audit_id: str, query: FindingQuery) -> FindingList:
        """What ``query`` asks for of an audit: a read for each 500 findings that are looked at, 20 at most.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        key = f"findings/{audit_id}/{query.account}/{query.kind}"
        after, seen = _place(audit_id, key, query.cursor)
        found: list[ListedFinding] = []
        read = 0
        async for page in self.findings.pages(audit_id, after, _MAX_READ):
            for place, listed in enumerate(_listed(page)):
                if place < seen or not query.takes(listed.finding):
                    continue
                if len(found) == query.limit:
                    return FindingList(found, cursors.encode(key, (after, place)))
                found.append(listed)
            after, seen, read = page.name, 0, read + 1
        return FindingList(found, cursors.encode(key, (after, 0)) if read == _MAX_READ else None)


def _listed(page: FindingPage) -> Iterator[ListedFinding]:
    for place, finding in enumerate(page.findings):
        yield ListedFinding(finding, page.outcomes[place] if place < len(page.outcomes) else "")


def _place(audit_id: str, key: str, cursor: str | None) -> tuple[str, int]:
    if not cursor:
        return "", 0
    after, seen = cursors.decode(key, cursor, _position)
    # Who makes one up is not to read what other audits have found.
    if after and not after.startswith(f"{audit_id}-"):
        raise invalid_fields({"cursor": "is not a cursor of this list"})
    return after, seen
