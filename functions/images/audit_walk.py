"""The audit of images: products, states and both buckets side by side, in the order of products and of their images.

The names of objects begin with the ids of product and image, and a slash comes before all that ids are made of: so
buckets list them in the order in which the database has the states by product.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from functions.images.audit_evidence import (
    Evidence,
    Records,
    entries_of,
    evidence,
    findings,
    is_under_way,
    will_expire,
)
from functions.images.buckets import Listed
from functions.images.orphans import image_id_of
from shared.clock import Clock
from shared.images import COLLECTION as IMAGES
from shared.images import StoredImage, image_of, original_name, stored_image
from shared.jobs.findings import Finding
from shared.jobs.joining import Group, counted, documents, grouped, joined, paged
from shared.jobs.records import Job
from shared.jobs.running import Step
from shared.products import COLLECTION as PRODUCTS

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# Of a step, which ends at whichever it reaches first: well within the function's timeout.
_MAX_PRODUCTS = 2_000
_MAX_SUSPECTS = 500
# What a step has read and not come to is read again by the next: at most a page of each.
_PAGE = 200
# With the one more that is asked for, what a listing gives at once.
_LISTING = 999
_AT_ONCE = 10
_SHOWN = ["user_id", "images", "product_images", "compressed_product_images"]
_ROOT = "products/"


class Bucket(Protocol):
    """What this needs of a bucket."""

    async def page(self, after: str, limit: int) -> Sequence[Listed]:
        """Up to ``limit`` objects whose names come after ``after``, in order."""


@dataclass
class Walked:
    """How far a step has come, and the images that were not as they should be at first sight."""

    after: str
    products: int = 0
    names: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    suspects: list[Evidence] = field(default_factory=list)
    is_last: bool = True

    @property
    def is_enough(self) -> bool:
        return self.names >= _MAX_PRODUCTS or len(self.suspects) >= _MAX_SUSPECTS


@dataclass(frozen=True)
class ImageAudit:
    """Works on audits of images: a read for each product and image, a listing for each thousand objects, and four reads
    and requests for what may be drift."""

    db: "AsyncClient"
    records: Records
    originals: Bucket
    renditions: Bucket
    clock: Clock

    async def step(self, job: Job) -> Step:
        """Compare the images of the next products.

        Raises:
            TransientError: something is out of reach.
        """
        uses: Counter[str] = Counter()
        total = job.total if job.state else await counted(self.db.collection(PRODUCTS), uses)
        walked = await self._walk(job.state.get("after", ""), uses)
        found, changing = await self._look(walked.suspects, uses)
        counts = walked.counts + Counter(finding.kind for finding in found)
        return Step(
            state={"after": walked.after},
            phase="comparing",
            is_last=walked.is_last,
            done=walked.products,
            total=total,
            counts=counts + Counter(pending=changing),
            uses=uses,
            findings=found,
        )

    async def abandon(self, job: Job) -> None:
        """It only reads."""

    async def _walk(self, after: str, uses: Counter[str]) -> Walked:
        walked = Walked(after)
        sources = [
            self._products(after, uses),
            self._states(after, uses),
            _objects(self.originals, after, uses),
            _objects(self.renditions, after, uses),
        ]
        async with aclosing(joined(sources)) as groups:
            async for product_id, group in groups:
                if walked.is_enough:
                    walked.is_last = False
                    break
                walked.after = product_id
                walked.names += 1
                walked.products += len(group[0])
                self._compare(walked, every_image(product_id, group))
        return walked

    def _compare(self, walked: Walked, images: Sequence[Evidence]) -> None:
        now = self.clock()
        for seen in images:
            walked.counts["checked"] += seen.is_known
            walked.counts["pending"] += is_under_way(seen, now)
            if findings(seen, now):
                walked.suspects.append(seen)

    def _products(self, after: str, uses: Counter[str]) -> AsyncIterator[Group]:
        every = self.db.collection(PRODUCTS)
        query = every.order_by("__name__").select(_SHOWN)
        if after:
            query = query.start_after({"__name__": every.document(after)})
        return grouped(documents(query, _PAGE, uses), lambda snapshot: str(snapshot.id))

    def _states(self, after: str, uses: Counter[str]) -> AsyncIterator[Group]:
        from google.cloud.firestore import FieldFilter

        query = self.db.collection(IMAGES).where(filter=FieldFilter("product_id", ">", after))
        query = query.order_by("product_id").order_by("__name__")
        return grouped(documents(query, _PAGE, uses), lambda snapshot: str(snapshot.get("product_id")))

    async def _look(self, suspects: Sequence[Evidence], uses: Counter[str]) -> tuple[list[Finding], int]:
        """What is wrong for certain, and of how many images there is no saying."""
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(seen: Evidence) -> Evidence | None:
            async with several:
                return await self.records.certain(seen, uses)

        looks = await asyncio.gather(*map(one, suspects))
        now = self.clock()
        return [found for seen in looks if seen for found in findings(seen, now)], looks.count(None)


async def _objects(bucket: Bucket, after: str, uses: Counter[str]) -> AsyncIterator[Group]:
    """The objects of images in a bucket, by product."""
    # A product's names end before what its own, and a zero, begins.
    start = f"{_ROOT}{after}0" if after else _ROOT

    async def page(last: Listed | None, limit: int) -> Sequence[Listed]:
        uses["bucket_requests"] += 1
        found = await bucket.page(last.name if last else start, limit)
        return [listed for listed in found if listed.name.startswith(_ROOT)]

    async def ours() -> AsyncIterator[Listed]:
        every: AsyncIterator[Listed] = paged(page, _LISTING)
        async for listed in every:
            if image_id_of(listed.name):
                yield listed

    async for group in grouped(ours(), lambda listed: listed.name.split("/")[1]):
        yield group


def every_image(product_id: str, group: Sequence[Sequence[Any]]) -> list[Evidence]:
    """What is known of each image of a product: one that it shows, that has a state, or of which there are objects."""
    products, states, originals, renditions = group
    product: Mapping[str, Any] | None = products[0].to_dict() if products else None
    stored: dict[str, StoredImage] = {each.id: image for each in states if (image := stored_image(each))}
    expiring = {each.id for each in states if will_expire(each, stored.get(each.id))}
    objects = _by_image(originals), _by_image(renditions)
    entries = [str(entry.get("id")) for entry in entries_of(product)]
    ids = {*entries, *stored, *objects[0], *objects[1]}
    return [
        evidence(
            product_id,
            image_id,
            product,
            stored.get(image_id),
            (objects[0].get(image_id, []), objects[1].get(image_id, [])),
            expires=image_id in expiring,
        )
        for image_id in sorted(ids)
        if image_of(original_name(product_id, image_id))
    ]


def _by_image(objects: Sequence[Listed]) -> dict[str, list[Listed]]:
    found: dict[str, list[Listed]] = {}
    for listed in objects:
        found.setdefault(image_id_of(listed.name) or "", []).append(listed)
    return found
