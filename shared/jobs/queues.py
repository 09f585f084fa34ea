"""The queues of jobs, one for each subject. A room needs its own only; who starts jobs, all."""

from collections.abc import Mapping

from shared.jobs.records import JobTask, Subject
from shared.tasks import Queue

RETURN_MAINTENANCE = Queue("returnMaintenance", "maintain-return-index", JobTask, max_attempts=12)
PRODUCT_AUDIT = Queue("productAudit", "audit-products", JobTask, max_attempts=12)
IMAGE_AUDIT = Queue("imageAudit", "audit-images", JobTask, max_attempts=12)

EVERY_QUEUE: Mapping[Subject, Queue[JobTask]] = {
    "returns": RETURN_MAINTENANCE,
    "products": PRODUCT_AUDIT,
    "images": IMAGE_AUDIT,
}
