"""Google's and Algolia's clients, each made when first asked for and kept for the life of the process.

This is the one place that knows where a service is: the ``*_EMULATOR_HOST`` and ``ALGOLIA_HOST`` variables
point the same clients at a local cloud (Firestore's client reads its own).
"""

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from shared.errors import ConfigurationError
from shared.imports import as_if_missing, importing
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from algoliasearch.http.transporter_sync import TransporterSync
    from algoliasearch.search.config import SearchConfig
    from google.auth.credentials import Signing
    from google.cloud.firestore import AsyncClient
    from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient
    from google.cloud.storage import Bucket, Client
    from google.cloud.tasks_v2 import CloudTasksAsyncClient
    from redis.asyncio import Redis

# Bounds how long a push can be under way: functions/returns/batches.py builds on it.
ALGOLIA_WRITE_TIMEOUT_MS = 8_000
# As many requests to Algolia as one process has under way at once: a search function takes 80 at a time.
ALGOLIA_CONNECTIONS = 80
REDIS_CONNECT_SECONDS = 1.0


@cache
def firestore() -> "AsyncClient":
    """The project's default Firestore database."""
    with importing("google.cloud.firestore"):
        from google.cloud.firestore import AsyncClient

    return AsyncClient(project=settings().google_cloud_project)


@cache
def cloud_tasks() -> "CloudTasksAsyncClient":
    """Cloud Tasks; its client knows no emulator variable of its own."""
    # For a client over REST, which Google's package offers where aiohttp is installed and nobody here uses, it would
    # import that: as long as all the rest of a cold start's imports of Google's take together.
    with importing("google.cloud.tasks_v2"), as_if_missing("aiohttp"):
        from google.cloud.tasks_v2 import CloudTasksAsyncClient

    host = os.environ.get("CLOUD_TASKS_EMULATOR_HOST")
    if not host:
        return CloudTasksAsyncClient()
    import grpc
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport

    return CloudTasksAsyncClient(
        transport=CloudTasksGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host))
    )


@cache
def cloud_scheduler() -> "CloudSchedulerAsyncClient":
    """Cloud Scheduler; its client knows no emulator variable of its own."""
    with importing("google.cloud.scheduler_v1"), as_if_missing("aiohttp"):
        from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient

    host = os.environ.get("CLOUD_SCHEDULER_EMULATOR_HOST")
    if not host:
        return CloudSchedulerAsyncClient()
    import grpc
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import (
        CloudSchedulerGrpcAsyncIOTransport,
    )

    return CloudSchedulerAsyncClient(
        transport=CloudSchedulerGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host))
    )


@cache
def storage() -> "Client":
    """Cloud Storage. It blocks: call it through ``asyncio.to_thread``."""
    with importing("google.cloud.storage"):
        from google.cloud.storage import Client

    return Client(project=settings().google_cloud_project)


@cache
def uploads_bucket() -> "Bucket":
    """The bucket of images as they came.

    Raises:
        ConfigurationError: there is no name of it.
    """
    return storage().bucket(_required(settings().uploads_bucket, "UPLOADS_BUCKET"))


@cache
def images_bucket() -> "Bucket":
    """The bucket of images made smaller.

    Raises:
        ConfigurationError: there is no name of it.
    """
    return storage().bucket(_required(settings().images_bucket, "IMAGES_BUCKET"))


@cache
def feeds_bucket() -> "Bucket":
    """The bucket of retailers' price feeds.

    Raises:
        ConfigurationError: there is no name of it.
    """
    return storage().bucket(_required(settings().feeds_bucket, "FEEDS_BUCKET"))


@cache
def workspace_bucket() -> "Bucket":
    """The bucket of what price runs are made of.

    Raises:
        ConfigurationError: there is no name of it.
    """
    return storage().bucket(_required(settings().workspace_bucket, "WORKSPACE_BUCKET"))


def _required(value: str | None, name: str) -> str:
    if value is None:
        raise ConfigurationError(f"This function needs {name}, the name of a bucket.")
    return value


@cache
def signer() -> "Signing":
    """Credentials that sign links: with a key of their own, where there is one, or through the IAM API.

    The IAM API wants ``roles/iam.serviceAccountTokenCreator`` on the function's own account.
    """
    import google.auth
    from google.auth import iam
    from google.auth.credentials import Signing
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    if isinstance(credentials, Signing):
        return credentials
    request, source = Request(), cast("Any", credentials)
    # Only then does the account's address take the place of its alias.
    source.refresh(request)
    email = source.service_account_email
    via_api: Any = iam.Signer(request, source, email)  # type: ignore[no-untyped-call]
    return Credentials(via_api, email, "https://oauth2.googleapis.com/token")  # type: ignore[no-untyped-call]


@cache
def redis() -> "Redis":
    """The Redis of ``REDIS_URL``. It tries each command once.

    Bound each command with ``asyncio.timeout``: that covers all of it, and the client's own limits on each send and
    read cost a third of a lookup's time.

    Raises:
        ConfigurationError: there is no address.
    """
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    if not (url := settings().redis_url):
        raise ConfigurationError("This needs REDIS_URL.")
    # The older protocol and no names: a new connection says nothing but its password before the first command.
    return Redis.from_url(
        url,
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=REDIS_CONNECT_SECONDS,
        socket_timeout=None,
    )


def algolia(config: Settings, api_key: str) -> Callable[[], "TransporterSync"]:
    """Connections to Algolia with one key, a fresh one for each request over one pool of sockets.

    A transporter keeps count of each host's time-outs and waits longer from one to the next, for all threads that use
    it; a fresh one keeps the time that a request can take within bounds.

    The bare transport, not the search client: importing that takes 0.8 s of a cold start (it loads every API
    model). It waits for no rate limit by itself, since a task's retry does that without holding an instance.

    Raises:
        ConfigurationError: there is no key, or no application.
    """
    with importing("algoliasearch"):
        from algoliasearch.http.transporter_sync import TransporterSync
        from algoliasearch.search.config import SearchConfig
    from requests import Session
    from requests.adapters import HTTPAdapter

    if not api_key:
        raise ConfigurationError(
            "This function needs ALGOLIA_API_KEY to write or ALGOLIA_SEARCH_KEY to search."
        )
    if config.algolia_app_id is None:
        raise ConfigurationError("This function needs ALGOLIA_APP_ID, the application that holds the index.")
    app_id = config.algolia_app_id
    session = Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=ALGOLIA_CONNECTIONS))

    def connect() -> "TransporterSync":
        search_config = SearchConfig(app_id, api_key)
        search_config.max_rate_limit_retries = 0
        search_config.write_timeout = ALGOLIA_WRITE_TIMEOUT_MS
        _set_hosts(search_config)
        transporter = TransporterSync(search_config)
        # There is no public way to share the pool of sockets, and a handshake for each search would cost more.
        transporter._session = session
        return transporter

    return connect


def _set_hosts(search_config: "SearchConfig") -> None:
    from algoliasearch.http.hosts import Host, HostsCollection

    if address := os.environ.get("ALGOLIA_HOST"):
        url = urlsplit(address if "//" in address else f"http://{address}")
        # Twice, because the client passes over a host that has just failed, and production has several.
        hosts = [Host(url.hostname or "", scheme=url.scheme, port=url.port) for _ in range(2)]
        search_config.hosts = HostsCollection(hosts)
    else:
        search_config.set_default_hosts()  # type: ignore[no-untyped-call]
