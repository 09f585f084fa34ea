"""The findings of an audit a page at a time, of one account or kind if that is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast, get_args

from shared.jobs.findings import Finding, FindingPage, Findings
from shared.jobs.records import FindingKind
from shared.problems import invalid_fields

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

SHOWN = 100
# Pages of up to 500 that are read to fill one: a filter that lets nothing pass is told to go on.
MAX_READ = 20


@dataclass(frozen=True)
class FindingFilter:
    """Which findings are wanted; ``None`` lets all pass. The account ``""`` stands for those of nobody."""

    account: str | None = None
    kind: FindingKind | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """What a query asks for.

        Raises:
            Problem: 422, there is no such kind.
        """
        kind = query.get("kind") or None
        if kind not in (None, *get_args(FindingKind)):
            raise invalid_fields({"kind": "is none of missing, extra and different"})
        account = query.get("account")
        return cls(None if account in (None, "") else account, cast("FindingKind | None", kind))

    def takes(self, finding: Finding) -> bool:
        """Whether a finding is wanted."""
        return self.account in (None, finding.account) and self.kind in (None, finding.kind)


@dataclass(frozen=True)
class FindingList:
    """Findings with what a repair made of each, ``""`` if none was there, and where the list goes on."""

    findings: Sequence[tuple[Finding, str]]
    next_cursor: str


class FindingLists:
    """Reads findings: a read for each 500 that are looked at."""

    def __init__(self, db: "AsyncClient") -> None:
        self._findings = Findings(db)

    async def page(self, audit_id: str, wanted: FindingFilter, cursor: str) -> FindingList:
        """Up to 100 findings behind ``cursor``, which is ``""`` or that of the page before.

        Raises:
            Problem: 422, the cursor is none of this audit.
        """
        after, name, skip = _place(audit_id, cursor)
        found: list[tuple[Finding, str]] = []
        async for page in self._findings.pages(audit_id, after, MAX_READ):
            begin = skip if page.name == name else 0
            for place, item in enumerate(_with_outcomes(page)[begin:], begin):
                if len(found) == SHOWN:
                    return FindingList(found, f"{after or '-'}~{page.name}~{place}")
                if wanted.takes(item[0]):
                    found.append(item)
            after = page.name
        return FindingList(found, "")


def _with_outcomes(page: FindingPage) -> list[tuple[Finding, str]]:
    outcomes = [*page.outcomes, *[""] * (len(page.findings) - len(page.outcomes))]
    return list(zip(page.findings, outcomes, strict=True))


def _place(audit_id: str, cursor: str) -> tuple[str, str, int]:
    """The page behind which to begin, the one to begin with, and at which of its findings."""
    if not cursor:
        return "", "", 0
    match cursor.split("~"):
        case [after, name, place] if place.isascii() and place.isdecimal() and len(place) < 6:
            within = all(
                each.startswith(f"{audit_id}-") and "/" not in each for each in (name, after) if each != "-"
            )
            if within:
                return ("" if after == "-" else after), name, int(place)
    raise invalid_fields({"cursor": "is not a cursor of this list"})
