"""A local Cloud Scheduler: cron jobs that call HTTP targets, with Google's retries and headers."""

from infra.local.scheduler.jobs import JobConfig
from infra.local.scheduler.runner import Run
from infra.local.scheduler.service import SchedulerService

__all__ = ["JobConfig", "Run", "SchedulerService"]
