"""The audit of products: all of them and all lanes of deliveries, side by side in the order of their ids.

What agrees at first sight, nearly everything, costs two reads. What does not is looked at closely.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.supply_chain.audit_evidence import Evidence, Records, evidence, finding, judge
from shared.jobs.joining import Group, counted, documents, grouped, joined
from shared.jobs.records import Job
from shared.jobs.running import Step
from shared.outbox import LANES
from shared.products import COLLECTION as PRODUCTS

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# Of a step, which ends at whichever it reaches first: well within the function's timeout, also while all deliveries
# wait for an API that is down.
_MAX_IDS = 5_000
_MAX_SUSPECTS = 1_000
# What a step has read and not come to is read again by the next: at most a page of each.
_PAGE = 250
_AT_ONCE = 20


@dataclass
class Walked:
    """How far a step has come, and what did not agree at first sight."""

    after: str
    ids: int = 0
    products: int = 0
    suspects: list[str] = field(default_factory=list)
    is_last: bool = True

    @property
    def is_enough(self) -> bool:
        return self.ids >= _MAX_IDS or len(self.suspects) >= _MAX_SUSPECTS


@dataclass(frozen=True)
class ProductAudit:
    """Works on audits of products: a read for each and for each lane, and six for what may be drift."""

    db: "AsyncClient"
    records: Records

    async def step(self, job: Job) -> Step:
        """Compare the next products.

        Raises:
            TransientError: something is out of reach.
        """
        uses: Counter[str] = Counter()
        total = job.total if job.state else await counted(self.db.collection(PRODUCTS), uses)
        walked = await self._walk(job.state.get("after", ""), uses)
        looks = await self._look(walked.suspects, uses)
        findings = [found for seen in looks if seen and (found := finding(seen))]
        counts = Counter[str](judge(seen) if seen else "pending" for seen in looks)
        counts.pop("agrees", None)
        return Step(
            state={"after": walked.after},
            phase="comparing",
            is_last=walked.is_last,
            done=walked.products,
            total=total,
            counts={"checked": walked.ids, **counts},
            uses=uses,
            findings=findings,
        )

    async def abandon(self, job: Job) -> None:
        """It only reads."""

    async def _walk(self, after: str, uses: Counter[str]) -> Walked:
        walked = Walked(after)
        sources = [
            self._groups(PRODUCTS, ["version", "user_id"], after, uses),
            self._groups(LANES, ["synced_version", "sent_version", "expire_at"], after, uses),
        ]
        async with aclosing(joined(sources)) as pairs:
            async for product_id, (product, lane) in pairs:
                if walked.is_enough:
                    walked.is_last = False
                    break
                walked.after = product_id
                walked.ids += 1
                walked.products += len(product)
                if not evidence(product_id, _fields(product), _fields(lane)).agrees:
                    walked.suspects.append(product_id)
        return walked

    def _groups(
        self, collection: str, fields: Sequence[str], after: str, uses: Counter[str]
    ) -> AsyncIterator[Group]:
        every = self.db.collection(collection)
        query = every.order_by("__name__").select(list(fields))
        if after:
            query = query.start_after({"__name__": every.document(after)})
        return grouped(documents(query, _PAGE, uses), lambda snapshot: str(snapshot.id))

    async def _look(self, suspects: Sequence[str], uses: Counter[str]) -> list[Evidence | None]:
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(product_id: str) -> Evidence | None:
            async with several:
                return await self.records.certain(product_id, uses)

        return list(await asyncio.gather(*map(one, suspects)))


def _fields(group: Sequence[Any]) -> Mapping[str, Any] | None:
    """Of the one document of a group, if there is one."""
    return group[0].to_dict() if group else None
