"""A local cloud in which nothing happens by itself."""

from collections.abc import Mapping

import grpc
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from infra.topology import load


def pause_all(environment: Mapping[str, str]) -> None:
    """Pause every queue and schedule, so that what is counted comes of the benchmark's own requests.

    Args:
        environment: of the local cloud's clients.
    """
    location = _location(environment)
    with grpc.insecure_channel(environment["CLOUD_TASKS_EMULATOR_HOST"]) as channel:
        tasks = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        for queue in load().queues:
            tasks.pause_queue(name=f"{location}/queues/{queue}")
    pause_schedules(environment)


def pause_schedules(environment: Mapping[str, str]) -> None:
    """Pause every schedule: nothing happens but what comes of the benchmark's own requests, by queues and events.

    Args:
        environment: of the local cloud's clients.
    """
    location = _location(environment)
    with grpc.insecure_channel(environment["CLOUD_SCHEDULER_EMULATOR_HOST"]) as channel:
        scheduler = CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))
        for schedule in load().schedules:
            scheduler.pause_job(name=f"{location}/jobs/{schedule}")


def _location(environment: Mapping[str, str]) -> str:
    return f"projects/{environment['GOOGLE_CLOUD_PROJECT']}/locations/{environment['REGION']}"
