"""Google's and Algolia's official clients, pointed at a running local cloud by its ``env`` file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClientSync
from algoliasearch.search.config import SearchConfig
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.firestore import Client
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from tests.e2e.harness import LocalCloud


def firestore(cloud: LocalCloud) -> Client:
    """Google's Firestore client."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", cloud.environment["FIRESTORE_EMULATOR_HOST"])
        return Client(project=cloud.environment["GOOGLE_CLOUD_PROJECT"])


def bucket(cloud: LocalCloud, variable: str) -> storage.Bucket:
    """A bucket behind Google's Cloud Storage client, by the variable that has its name."""
    environment = cloud.environment
    address = {"api_endpoint": environment["STORAGE_EMULATOR_HOST"]}
    client = storage.Client(
        environment["GOOGLE_CLOUD_PROJECT"], AnonymousCredentials(), client_options=address
    )
    return client.bucket(environment[variable])


@contextmanager
def cloud_tasks(cloud: LocalCloud) -> Iterator[CloudTasksClient]:
    """Google's Cloud Tasks client."""
    with grpc.insecure_channel(cloud.environment["CLOUD_TASKS_EMULATOR_HOST"]) as channel:
        yield CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))


def queue_path(cloud: LocalCloud, queue: str) -> str:
    """The name of a queue, for that client."""
    environment = cloud.environment
    return CloudTasksClient.queue_path(environment["GOOGLE_CLOUD_PROJECT"], environment["REGION"], queue)


def algolia(cloud: LocalCloud, key: str = "") -> SearchClientSync:
    """Algolia's search client, with ``key`` or else the administrator's."""
    environment = cloud.environment
    config = SearchConfig(environment["ALGOLIA_APP_ID"], key or environment["ALGOLIA_API_KEY"])
    host, port = environment["ALGOLIA_HOST"].split(":")
    # Twice, because the client passes over a host that has just failed.
    config.hosts = HostsCollection([Host(host, scheme="http", port=int(port)) for _ in range(2)])
    return SearchClientSync(config=config)


def documents(database: Client, collection: str) -> dict[str, dict[str, Any]]:
    """Everything in a collection, by id."""
    return {snapshot.id: snapshot.to_dict() or {} for snapshot in database.collection(collection).stream()}


def records(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    """Everything in the index of returns, by objectID."""
    found: list[dict[str, Any]] = []
    index = cloud.environment["ALGOLIA_RETURNS_INDEX"]
    with algolia(cloud) as client:
        client.browse_objects(index, lambda page: found.extend(hit.to_dict() for hit in page.hits))
    return {record["objectID"]: record for record in found}
