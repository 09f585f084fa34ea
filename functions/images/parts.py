"""What the entry points of this room are put together of."""

from functools import cache

from functions.images.buckets import Originals, Renditions
from functions.images.outcomes import Outcomes
from shared import clients
from shared.auth import Authenticator
from shared.cache import versioned_cache
from shared.clock import utc_now
from shared.images import Images
from shared.outbox import Outbox
from shared.products import ProductWrites
from shared.settings import settings
from shared.tasks import TaskQueues


@cache
def authenticator() -> Authenticator:
    """Who may call."""
    return Authenticator(settings())


@cache
def images() -> Images:
    """The states of images."""
    return Images(clients.firestore(), utc_now)


@cache
def queues() -> TaskQueues:
    """Cloud Tasks."""
    return TaskQueues(clients.cloud_tasks, settings())


@cache
def product_writes() -> ProductWrites:
    """Writes to products."""
    db = clients.firestore()
    return ProductWrites(db, Outbox(db, utc_now), versioned_cache(settings()), utc_now)


@cache
def outcomes() -> Outcomes:
    """What images come to."""
    return Outcomes(clients.firestore(), product_writes(), images(), queues(), utc_now)


@cache
def originals() -> Originals:
    """The bucket of originals."""
    return Originals(clients.uploads_bucket())


@cache
def renditions() -> Renditions:
    """The bucket of renditions."""
    bucket = clients.images_bucket()
    return Renditions(bucket, settings().images_url or f"https://storage.googleapis.com/{bucket.name}")
