"""Mending images: rendered again as after a change of the policy, and what is nobody's deleted.

What is to be done is first written down in the image's state, so that the sweeper sees to it if its task is lost.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from functions.images.audit_evidence import Evidence, Records, entries_of, image_finding, is_under_way
from functions.images.buckets import Listed, Original
from functions.images.orphans import image_id_of
from shared.clock import Clock
from shared.images import (
    IMAGE_FETCH,
    IMAGE_REMOVAL,
    Images,
    ImageTask,
    StoredImage,
    original_name,
    reopened,
    shown,
)
from shared.images import publish as publish_images
from shared.jobs.findings import Finding
from shared.jobs.records import Job
from shared.jobs.repairing import FAILED, HEALED, PENDING, REPAIRED, STILL
from shared.outbox import publish
from shared.products import ProductWrites, StoredProduct
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncWriteBatch

_UNDER_WAY = f"{PENDING}the image is being worked on"
_CHANGING = f"{PENDING}somebody else is changing it"


class OriginalsBucket(Protocol):
    """What this needs of the bucket of originals."""

    async def find(self, name: str) -> Original | None:
        """The original of that name, if there is one."""

    async def delete_listed(self, listed: Iterable[Listed]) -> None:
        """Delete objects, unless they have been overwritten since they were listed."""


class RenditionsBucket(Protocol):
    """What this needs of the bucket of renditions."""

    async def delete_listed(self, listed: Iterable[Listed]) -> None:
        """Delete objects, unless they have been overwritten since they were listed."""


@dataclass(frozen=True)
class ImageRepair:
    """Mends findings about images: two looks or more, and a commit and a task, or a request to a bucket."""

    records: Records
    images: Images
    writes: ProductWrites
    queues: TaskQueues
    originals: OriginalsBucket
    renditions: RenditionsBucket
    clock: Clock

    async def mend(self, job: Job, finding: Finding, uses: Counter[str]) -> str:
        """Have an image rendered again, or removed, or delete an object, if it is still as it was found."""
        seen = await self._look(finding, uses)
        if seen is None:
            return _CHANGING
        if is_stray(finding):
            return await self._discard(finding, seen, uses)
        if is_under_way(seen, self.clock()):
            await self._hurry(seen.stored)
            return _UNDER_WAY
        return HEALED if image_finding(seen, self.clock()) is None else await self._set_right(seen, uses)

    async def check(self, finding: Finding, uses: Counter[str]) -> str:
        """What has become of it. An object that was left to whoever was at its image is deleted now."""
        seen = await self._look(finding, uses)
        if seen is None:
            return _CHANGING
        if is_stray(finding):
            said = await self._discard(finding, seen, uses)
            return said if said == _UNDER_WAY else REPAIRED
        if is_under_way(seen, self.clock()):
            return _UNDER_WAY
        if seen.stored and seen.stored.status == "failed" and seen.has_product:
            # Though it may still be wrong: it would fail again, and leave another letter each time.
            return f"{FAILED}it was tried again: {seen.stored.error}"
        found = image_finding(seen, self.clock())
        return f"{STILL}{found.kind}: {found.details['why']}" if found else REPAIRED

    async def _look(self, finding: Finding, uses: Counter[str]) -> Evidence | None:
        """At the image of a finding, or that to which an object would belong; ``None`` if it keeps changing.

        What is not well at first sight is looked at until it is certain.
        """
        product_id, image_id = _place(finding)
        seen = await self.records.look(product_id, image_id, uses)
        return await self.records.certain(seen, uses) if self._is_wrong(finding, seen) else seen

    def _is_wrong(self, finding: Finding, seen: Evidence) -> bool:
        if is_stray(finding):
            return _object(finding, seen) is not None
        if is_under_way(seen, self.clock()):
            return False
        failed = seen.stored is not None and seen.stored.status == "failed"
        return failed or image_finding(seen, self.clock()) is not None

    async def _set_right(self, seen: Evidence, uses: Counter[str]) -> str:
        if seen.stored is None:
            return await self._write_state(seen, uses)
        if not seen.has_product:
            return await self._remove(seen.stored)
        if not seen.is_readable:
            # Whoever renders it again would not know which renditions to take away.
            return f"{FAILED}a hand has been at its state; set that right first"
        if seen.stored.uploaded and seen.original is None:
            return f"{FAILED}the upload is gone; it has to be sent again"
        return await self._render(seen.stored)

    async def _discard(self, finding: Finding, seen: Evidence, uses: Counter[str]) -> str:
        stray = _object(finding, seen)
        if stray is None:
            return HEALED
        if seen.stored and not seen.is_settled:
            # Who works on the image may be about to make it its own again: the same bytes have the same name.
            return _UNDER_WAY
        if _belongs(stray, seen):
            return HEALED
        bucket = self.originals if finding.details["bucket"] == "uploads" else self.renditions
        uses["bucket_requests"] += 1
        await bucket.delete_listed([stray])
        return f"{PENDING}deleted"

    async def _hurry(self, stored: StoredImage | None) -> None:
        """Enqueue an image of which nothing was tried: perhaps by us, who died before we could."""
        if stored and stored.status == "pending" and stored.attempts == 0:
            await publish_images(self.queues, IMAGE_FETCH, [stored.task])

    async def _render(self, stored: StoredImage) -> str:
        again = {"status": "pending", "expire_at": None, **reopened(stored.series + 1, self.clock())}
        changed = await self.images.change(stored, again)
        if changed is None:
            return _CHANGING
        await publish_images(self.queues, IMAGE_FETCH, [changed.task])
        return f"{PENDING}it is being rendered again"

    async def _remove(self, stored: StoredImage) -> str:
        removed = {"status": "removed", **reopened(stored.series + 1, self.clock())}
        changed = await self.images.change(stored, removed)
        if changed is None:
            return _CHANGING
        await publish_images(self.queues, IMAGE_REMOVAL, [changed.task])
        return f"{PENDING}its files are being removed"

    async def _write_state(self, seen: Evidence, uses: Counter[str]) -> str:
        """Give an image a state again, with its product: one that the product has dropped meanwhile is left alone."""
        original = await self.originals.find(original_name(seen.product_id, seen.image_id))
        uses["bucket_requests"] += 1
        # One more than that of the task which brought the original, or nothing would be done about it.
        series = (original.series or 0) + 1 if original else 0
        task = ImageTask(product_id=seen.product_id, image_id=seen.image_id, series=series)
        product = await self.writes.get(seen.product_id)
        if product is None or product.fields.get("images") is None:
            return _CHANGING
        if not await self._commit(product, task):
            return _CHANGING
        await publish_images(self.queues, IMAGE_FETCH, [task])
        return f"{PENDING}it is being rendered again"

    async def _commit(self, product: StoredProduct, task: ImageTask) -> bool:
        waiting = {"status": "pending", "attempts": 0, "error": ""}
        before = entries_of(product.fields)
        sources = [entry["source"] for entry in before if entry["id"] == task.image_id]
        if not sources:
            return False
        entries = [entry | waiting if entry["id"] == task.image_id else entry for entry in before]

        def with_product(batch: "AsyncWriteBatch") -> None:
            self.images.write_new(batch, task, sources[0])

        fields: dict[str, Any] = shown(entries) | product.next(self.clock())
        event = await self.writes.update(product, fields, with_product)
        if event is None:
            return False
        await publish(self.queues, event)
        return True


def is_stray(finding: Finding) -> bool:
    """Whether a finding is about an object, and not about an image."""
    return "bucket" in finding.details


def _place(finding: Finding) -> tuple[str, str]:
    """The ids of product and image in a finding's id, or in the name of its object."""
    if is_stray(finding):
        return finding.id.split("/")[1], image_id_of(finding.id) or ""
    product_id, image_id = finding.id.split("/")
    return product_id, image_id


def _belongs(listed: Listed, seen: Evidence) -> bool:
    """Whether an object is an image's after all."""
    if seen.stored is None:
        return bool(seen.entries)
    return listed == seen.original or listed.name in seen.stored.renditions


def _object(finding: Finding, seen: Evidence) -> Listed | None:
    """The object of a finding, as long as it is the same."""
    originals = [seen.original] if seen.original else []
    objects: Sequence[Listed] = originals if finding.details["bucket"] == "uploads" else seen.renditions
    same = (finding.id, finding.details["generation"])
    return next((each for each in objects if (each.name, str(each.generation)) == same), None)
