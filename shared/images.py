"""Images of products, as several rooms know them: their state, their tasks, and what a product shows of them.

An image has an id of its own, which is never used twice: a URL that is taken out of a product and put in again is a new
image. Its original is the object :func:`original_name` of the uploads bucket. Its state, a document of
``product_images``, is written with the product that it belongs to in one commit; so whatever dies in between leaves
a document whose deadline passes, which the sweeper finds.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from pydantic import BaseModel, ConfigDict, Field

from shared.clock import Clock
from shared.tasks import Queue, TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

_log = logging.getLogger(__name__)

COLLECTION = "product_images"
MAX_IMAGES = 20
MAX_ORIGINAL_BYTES = 25 * 1024 * 1024
# The first one, and 5 retries: of the fetch, and again of the compression.
MAX_ATTEMPTS = 6

# awaiting: there is an upload link, and nothing has come yet. removed: its files are to go.
Status = Literal["awaiting", "pending", "done", "failed", "removed"]

# A task is tried at once: without a first attempt by then, it may never have been enqueued. Each series is given twice
# the time of the one before, so that what is out of reach for hours is not met with ever more tasks.
FIRST_ATTEMPT_WITHIN = timedelta(minutes=2)
_MAX_DOUBLINGS = 8
# Longer than the longest pause of the queue and of Eventarc (10 minutes each), and an attempt after it.
NEXT_ATTEMPT_WITHIN = timedelta(minutes=30)
# Longer than an attempt can take: still pending then, the last one was killed.
LAST_ATTEMPT_ENDS_WITHIN = timedelta(minutes=5)
# An upload link is good for 15 minutes, and what is sent then is announced within moments: without an attempt by then,
# nothing came, or nobody was told.
UPLOADED_WITHIN = timedelta(hours=1)
# A write is not to wait longer for Cloud Tasks than this.
_PUBLISH_SECONDS = 3
_MAX_ERROR = 1000

_ID = "[A-Za-z0-9]{1,64}"
_ORIGINAL = re.compile(f"products/({_ID})/({_ID})")


class ImageTask(BaseModel):
    """A task about one image. ``series`` counts how often its attempts were begun anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str = Field(pattern=f"^{_ID}$")
    image_id: str = Field(pattern=f"^{_ID}$")
    series: int = Field(0, ge=0)

    @property
    def key(self) -> str:
        return f"{self.image_id}/{self.series}"


IMAGE_FETCH = Queue("imageFetch", "fetch-image", ImageTask, max_attempts=MAX_ATTEMPTS)
IMAGE_REMOVAL = Queue("imageRemoval", "remove-image", ImageTask, max_attempts=10)


def original_name(product_id: str, image_id: str) -> str:
    """The object of an image's original; renditions are below the same name, in their own bucket."""
    return f"products/{product_id}/{image_id}"


def image_of(original: str) -> tuple[str, str] | None:
    """The ids of product and image in an original's name; ``None`` for an object that is none."""
    match = _ORIGINAL.fullmatch(original)
    return (match[1], match[2]) if match else None


# What a product says of one image: ``id``, ``source`` (a URL), ``status``, ``attempts``, ``error``, ``original`` and
# ``renditions``, the most important first. functions/products/model.py has the shape of it all.
Entry = dict[str, Any]


def new_entry(image_id: str, source: str) -> Entry:
    """An image of which nothing is known yet."""
    entry: Entry = {"id": image_id, "source": source, "status": "pending", "attempts": 0, "error": ""}
    return entry | {"original": None, "renditions": []}


def is_shown(entries: Sequence[Entry], image_id: str) -> bool:
    """Whether an image is among those of a product."""
    return any(entry["id"] == image_id for entry in entries)


def shown(entries: Sequence[Entry]) -> dict[str, Any]:
    """The fields of a product that tell of its images, position by position."""
    return {
        "product_images": [entry["source"] for entry in entries],
        "compressed_product_images": [_best(entry) for entry in entries],
        "images": list(entries),
    }


def _best(entry: Entry) -> str | None:
    return entry["renditions"][0]["url"] if entry["renditions"] else None


@dataclass(frozen=True)
class StoredImage:
    """An image's document as it was read.

    Args:
        source: the URL that stands for it in the product.
        uploaded: whether it came by an upload link; otherwise it is fetched from ``source``.
        attempts: which attempt, to fetch it or to compress this generation, was the last to begin.
        generation: of the original, as far as one was tried.
        claimed_until: until when somebody may be at it.
        deadline: when the sweeper is to look into it; None when nothing is to happen.
        renditions: the names of its objects.
        policy: the revision of the policy that they were made by.
        update_time: for the precondition of a change to it.
    """

    id: str
    product_id: str
    source: str
    uploaded: bool
    status: Status
    series: int
    attempts: int
    generation: int
    claimed_until: datetime | None
    deadline: datetime | None
    error: str
    renditions: Sequence[str]
    policy: str
    update_time: Any = None

    @property
    def task(self) -> ImageTask:
        return ImageTask(product_id=self.product_id, image_id=self.id, series=self.series)


def stored_image(snapshot: "DocumentSnapshot[Any]") -> StoredImage | None:
    """The image in a document, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known: dict[str, Any] = {name: fields.get(name) for name in StoredImage.__dataclass_fields__}
    return StoredImage(**known | {"id": snapshot.id, "update_time": snapshot.update_time})


def attempted(number: int, now: datetime) -> dict[str, Any]:
    """The fields of an image whose attempt ``number`` begins."""
    last = number >= MAX_ATTEMPTS
    return {
        "status": "pending",
        "attempts": number,
        "deadline": now + (LAST_ATTEMPT_ENDS_WITHIN if last else NEXT_ATTEMPT_WITHIN),
    }


def reopened(series: int, now: datetime) -> dict[str, Any]:
    """The fields of an image whose attempts begin anew."""
    patience = FIRST_ATTEMPT_WITHIN * 2 ** min(series, _MAX_DOUBLINGS)
    return {"series": series, "attempts": 0, "deadline": now + patience, "claimed_until": None}


def error_text(error: str) -> str:
    """An error as it is kept: nobody reads more of it."""
    return error[:_MAX_ERROR]


class Images:
    """The ``product_images`` collection, a document an image."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def new_id(self) -> str:
        """An id that nobody has: 20 random letters and digits."""
        return str(self._db.collection(COLLECTION).document().id)

    def document(self, image_id: str) -> Any:
        """The reference of an image's document."""
        return self._db.collection(COLLECTION).document(image_id)

    async def get(self, image_id: str) -> StoredImage | None:
        """One image: one read."""
        return stored_image(await self.document(image_id).get())

    async def several(self, image_ids: Iterable[str]) -> dict[str, StoredImage]:
        """Those of the images that there are, by id: a read each."""
        documents = [self.document(image_id) for image_id in image_ids]
        if not documents:
            return {}
        found = [stored_image(snapshot) async for snapshot in self._db.get_all(documents)]
        return {image.id: image for image in found if image}

    async def of_product(self, product_id: str, limit: int) -> list[StoredImage]:
        """Images of a product, those on their way among them, in no order: a read each."""
        from google.cloud.firestore import FieldFilter

        query = self._db.collection(COLLECTION).where(filter=FieldFilter("product_id", "==", product_id))
        return [image async for snapshot in query.limit(limit).stream() if (image := stored_image(snapshot))]

    async def overdue(self, limit: int) -> list[StoredImage]:
        """Images whose deadline has passed, the longest overdue first: a read each."""
        from google.cloud.firestore import FieldFilter

        query = self._db.collection(COLLECTION).where(filter=FieldFilter("deadline", "<=", self._clock()))
        snapshots = query.order_by("deadline").limit(limit).stream()
        return [image async for snapshot in snapshots if (image := stored_image(snapshot))]

    def write_new(self, batch: "AsyncWriteBatch", task: ImageTask, source: str) -> None:
        """Add an image that is to be fetched from ``source`` when ``batch`` commits."""
        now = self._clock()
        batch.create(self.document(task.image_id), _new(task, source, now) | reopened(task.series, now))

    async def await_upload(self, task: ImageTask, source: str) -> None:
        """Add an image that is going to be uploaded, and will be known as ``source``."""
        now = self._clock()
        awaited = {"status": "awaiting", "uploaded": True, "deadline": now + UPLOADED_WITHIN}
        try:
            await self.document(task.image_id).create(_new(task, source, now) | awaited)
        except AlreadyExists:
            # The client repeats a write whose answer was lost; nobody else has this id.
            return

    def write_removed(self, batch: "AsyncWriteBatch", task: ImageTask) -> None:
        """Mark an image for removal when ``batch`` commits, whatever state it is in."""
        now = self._clock()
        removed = {"product_id": task.product_id, "status": "removed", "updated_at": now, "expire_at": None}
        batch.set(self.document(task.image_id), removed | reopened(task.series, now), merge=True)

    async def change(self, image: StoredImage, fields: Mapping[str, Any]) -> StoredImage | None:
        """Change an image; it as it is then, or ``None`` if somebody else has changed it since it was read."""
        batch = self._db.batch()
        self.write_change(batch, image, fields)
        try:
            (written,) = await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound):
            return None
        known = {name: value for name, value in fields.items() if name in StoredImage.__dataclass_fields__}
        return replace(image, **known, update_time=written.update_time)

    async def forget(self, image: StoredImage) -> bool:
        """Delete an image's document, unless somebody else has changed it since it was read; whether it is gone."""
        unchanged = self._db.write_option(last_update_time=image.update_time)
        try:
            await self.document(image.id).delete(option=unchanged)
        except FailedPrecondition:
            return False
        except NotFound:
            pass
        return True

    def write_change(self, batch: "AsyncWriteBatch", image: StoredImage, fields: Mapping[str, Any]) -> None:
        """Change an image when ``batch`` commits, which fails if somebody else has changed it."""
        unchanged = self._db.write_option(last_update_time=image.update_time)
        batch.update(self.document(image.id), {"updated_at": self._clock(), **fields}, option=unchanged)


def _new(task: ImageTask, source: str, now: datetime) -> dict[str, Any]:
    return {
        "product_id": task.product_id,
        "source": source,
        "uploaded": False,
        "status": "pending",
        "series": task.series,
        "attempts": 0,
        "generation": 0,
        "claimed_until": None,
        "deadline": None,
        "error": "",
        "renditions": [],
        "policy": "",
        "created_at": now,
        "updated_at": now,
        "expire_at": None,
    }


async def publish(queues: TaskQueues, queue: Queue[ImageTask], tasks: Sequence[ImageTask]) -> None:
    """Put tasks on their queue at once, if that can be done: the sweeper makes good what fails here."""
    if not tasks:
        return
    try:
        async with asyncio.timeout(_PUBLISH_SECONDS):
            await asyncio.gather(*(queues.enqueue(queue, task, key=task.key) for task in tasks))
    except Exception as error:
        _log.warning("images.unpublished", extra={"queue": queue.name, "error": repr(error)})
