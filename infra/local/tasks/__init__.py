"""A local Cloud Tasks: queues that deliver tasks over HTTP, with Google's limits, retries and headers."""

from infra.local.tasks.queues import QueueConfig
from infra.local.tasks.service import TasksService

__all__ = ["QueueConfig", "TasksService"]
