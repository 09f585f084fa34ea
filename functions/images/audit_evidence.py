"""Whether an image is as it should be: what its product, its state and the two buckets say, and what follows from it.

An image that is done or has failed has the renditions that its state names, of the original that is there, and its
product says the same of it. What is at work on an image shows in its state; what nothing shows, such as an event that
is still to come, is given time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from functions.images.buckets import Listed
from functions.images.orphans import OLD
from shared.images import COLLECTION as IMAGES
from shared.images import NEXT_ATTEMPT_WITHIN, Entry, StoredImage, original_name, stored_image
from shared.jobs.findings import Finding, account_of
from shared.jobs.joining import settled
from shared.jobs.records import FindingKind
from shared.products import COLLECTION as PRODUCTS

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

# What is said of an image in its state and in its product alike.
_SAME = ("status", "attempts", "error", "source")


@dataclass(frozen=True)
class Evidence:
    """What is known of an image.

    Args:
        account: whose product it is of; ``""`` if there is no such product.
        has_product: whether there is one.
        entries: what the product says of the image, at each of its places.
        is_listed: whether the plain lists of the product's images agree with that.
        stored: its state.
        expires: whether its state will be forgotten, and then what it has in the buckets swept away.
        original: None if there is none.
        renditions: the objects below its name, in order.
    """

    product_id: str
    image_id: str
    account: str
    has_product: bool
    entries: Sequence[Entry]
    is_listed: bool
    stored: StoredImage | None
    expires: bool
    original: Listed | None
    renditions: Sequence[Listed]

    @property
    def is_known(self) -> bool:
        """Whether there is such an image at all, or there are but objects of its name."""
        return self.stored is not None or bool(self.entries)

    @property
    def is_settled(self) -> bool:
        """Whether the image has come to its end, and nobody is at work on it."""
        return self.stored is not None and self.stored.status in ("done", "failed")

    @property
    def is_kept(self) -> bool:
        """Whether the image has something for everybody to see, and for ever: one that failed has it from before."""
        if self.stored is None:
            return False
        return self.stored.status == "done" or (bool(self.stored.renditions) and not self.expires)

    @property
    def is_readable(self) -> bool:
        """Whether the state names renditions as it should: a hand may have been at it."""
        names = self.stored.renditions if self.stored else []
        return isinstance(names, list) and all(isinstance(name, str) for name in names)


def evidence(
    product_id: str,
    image_id: str,
    product: Mapping[str, Any] | None,
    stored: StoredImage | None,
    objects: tuple[Sequence[Listed], Sequence[Listed]],
    *,
    expires: bool,
) -> Evidence:
    """What the documents of a product and of an image say, and the objects of that image in the two buckets."""
    originals, renditions = objects
    name = original_name(product_id, image_id)
    entries = entries_of(product)
    ours = [place for place, entry in enumerate(entries) if entry.get("id") == image_id]
    return Evidence(
        product_id=product_id,
        image_id=image_id,
        account=account_of((product or {}).get("user_id")),
        has_product=product is not None,
        entries=[entries[place] for place in ours],
        is_listed=all(_is_listed(product or {}, entries[place], place) for place in ours),
        stored=stored,
        expires=expires,
        original=next((listed for listed in originals if listed.name == name), None),
        renditions=[listed for listed in renditions if listed.name.startswith(f"{name}/")],
    )


def will_expire(snapshot: "DocumentSnapshot[Any]", stored: StoredImage | None) -> bool:
    """Whether an image's state will be forgotten: only one that has failed is."""
    if stored is None or stored.status != "failed":
        return False
    return (snapshot.to_dict() or {}).get("expire_at") is not None


def entries_of(product: Mapping[str, Any] | None) -> list[Entry]:
    """What a product says of its images, as far as it can be read: a hand may have been at it."""
    return [entry for entry in _list(product or {}, "images") if isinstance(entry, dict)]


def _is_listed(product: Mapping[str, Any], entry: Entry, place: int) -> bool:
    """Whether the plain lists of a product have the same at a place."""
    sources, best = _list(product, "product_images"), _list(product, "compressed_product_images")
    if place >= min(len(sources), len(best)):
        return False
    said = [entry.get("source"), next(iter(_urls(entry)), None)]
    return [sources[place], best[place]] == said


def is_under_way(seen: Evidence, now: datetime) -> bool:
    """Whether something is happening to an image, or may be about to."""
    if seen.stored is None:
        return False
    # The event about an original that was overwritten may come late.
    return not seen.is_settled or (_is_overwritten(seen) and not _is_late(seen, now))


def findings(seen: Evidence, now: datetime) -> list[Finding]:
    """What an audit reports of an image and of the objects below its name."""
    own = image_finding(seen, now)
    return ([own] if own else []) + _strays(seen, now)


def image_finding(seen: Evidence, now: datetime) -> Finding | None:
    """What is not as it should be with the image itself."""
    if is_under_way(seen, now):
        return None
    if seen.stored is None:
        return _finding("missing", seen, {"why": "its state is lost"}) if seen.entries else None
    if not seen.has_product:
        return _finding("extra", seen, {"why": "its product is gone"}) if seen.is_kept else None
    if not seen.is_readable:
        return _finding("different", seen, {"why": "its state does not name its renditions"})
    there = {listed.name for listed in seen.renditions}
    lost = [name for name in seen.stored.renditions if name not in there]
    if lost:
        of = len(seen.stored.renditions)
        return _finding("missing", seen, {"why": f"{len(lost)} of {of} renditions are lost"})
    if _is_overwritten(seen):
        return _finding("different", seen, {"why": "its original is another than was rendered"})
    if fields := _disagreements(seen, seen.stored):
        return _finding("different", seen, {"why": "its product says otherwise", "fields": ", ".join(fields)})
    return None


def _is_overwritten(seen: Evidence) -> bool:
    if seen.stored is None or seen.original is None:
        # Without its original an image is as good as with it, as long as nothing has to be made of it.
        return False
    return seen.original.generation != seen.stored.generation


def _is_late(seen: Evidence, now: datetime) -> bool:
    return seen.original is None or seen.original.updated < now - NEXT_ATTEMPT_WITHIN


def _disagreements(seen: Evidence, stored: StoredImage) -> list[str]:
    """What an image's product says otherwise than its state. An upload that failed may not be in its product."""
    if not seen.entries:
        return ["images"] if seen.is_kept else []
    fields = {name for entry in seen.entries for name in _SAME if entry.get(name) != getattr(stored, name)}
    if any(_names(entry) != set(stored.renditions) for entry in seen.entries):
        fields.add("renditions")
    return sorted(fields) + ([] if seen.is_listed else ["compressed_product_images"])


def _names(entry: Entry) -> set[str]:
    """The objects that a product shows, wherever they were published when it was written."""
    return {f"products/{url.rpartition('/products/')[2]}" for url in _urls(entry)}


def _urls(entry: Entry) -> list[str]:
    return [str(each.get("url")) for each in _list(entry, "renditions") if isinstance(each, dict)]


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _strays(seen: Evidence, now: datetime) -> list[Finding]:
    """Objects that no image knows, and that nobody can be at any more."""
    if seen.stored is None:
        if seen.entries:
            # The image whose state is lost has a right to them.
            return []
        originals = [seen.original] if seen.original else []
        return [
            *(_stray(each, "uploads", seen) for each in originals if _is_old(each, now)),
            *(_stray(each, "images", seen) for each in seen.renditions if _is_old(each, now)),
        ]
    if not seen.is_settled or not seen.is_readable or seen.stored.update_time > now - NEXT_ATTEMPT_WITHIN:
        return []
    unknown = [each for each in seen.renditions if each.name not in seen.stored.renditions]
    return [_stray(each, "images", seen) for each in unknown if _is_old(each, now)]


def _is_old(listed: Listed, now: datetime) -> bool:
    return listed.updated < now - OLD


def _stray(listed: Listed, bucket: str, seen: Evidence) -> Finding:
    details = {"bucket": bucket, "generation": str(listed.generation)}
    return Finding("extra", listed.name, seen.account, details)


def _finding(kind: FindingKind, seen: Evidence, details: dict[str, str]) -> Finding:
    return Finding(kind, f"{seen.product_id}/{seen.image_id}", seen.account, details)


class Bucket(Protocol):
    """What this needs of a bucket."""

    async def below(self, prefix: str) -> Sequence[Listed]:
        """All objects whose names begin with ``prefix``, in order."""


class Records:
    """Looks at one image after the other."""

    def __init__(self, db: "AsyncClient", originals: Bucket, renditions: Bucket) -> None:
        self._db = db
        self._originals = originals
        self._renditions = renditions

    async def look(self, product_id: str, image_id: str, uses: Counter[str]) -> Evidence:
        """One look: two reads, and a request to each bucket. Its parts may be of different times."""
        product = self._db.collection(PRODUCTS).document(product_id)
        image = self._db.collection(IMAGES).document(image_id)
        found = {each.reference.path: each async for each in self._db.get_all([product, image])}
        name = original_name(product_id, image_id)
        objects = await self._originals.below(name), await self._renditions.below(f"{name}/")
        uses["firestore_reads"] += 2
        uses["bucket_requests"] += 2
        fields, stored = found[product.path].to_dict(), stored_image(found[image.path])
        expires = will_expire(found[image.path], stored)
        return evidence(product_id, image_id, fields, stored, objects, expires=expires)

    async def certain(self, seen: Evidence, uses: Counter[str]) -> Evidence | None:
        """What is so at one instant, after a first look; ``None`` if it keeps changing."""
        return await settled(seen, lambda: self.look(seen.product_id, seen.image_id, uses))
