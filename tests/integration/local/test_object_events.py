"""Cloud Storage as a part of the local cloud: its buckets, its events to functions, signed links and public images."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import google.auth
import pytest
from google.cloud import storage

from infra.local.clock import Clock
from infra.local.cloud import Cloud, local_cloud
from infra.local.environment import PROJECT
from infra.local.keys import Keys
from infra.topology import Topology, Trigger
from tests.integration.local.tasks.handler import Handler

UPLOADS, IMAGES = f"{PROJECT}-uploads", f"{PROJECT}-images"


@pytest.fixture
async def function() -> AsyncIterator[Handler]:
    """What the trigger calls; it answers in the gateway's place."""
    handler = Handler()
    await handler.start()
    yield handler
    await handler.stop()


@pytest.fixture
def watching(topology: Topology) -> Topology:
    """The product's topology with a trigger of the test's own, and without schedules."""
    function = topology.functions["outbox-sweeper"].model_copy(update={"access": "events"})
    event_type = "google.cloud.storage.object.v1.finalized"
    changed = {
        "functions": {**topology.functions, "look-at": function},
        "triggers": {"lookAt": Trigger(target="look-at", bucket="uploads", event_type=event_type)},
        "schedules": {},
    }
    return topology.model_copy(update=changed)


async def with_client(cloud: Cloud, work: Callable[[storage.Client], Any]) -> Any:
    """Work with Google's client, which blocks, beside the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", cloud.environment["STORAGE_EMULATOR_HOST"])
        return await asyncio.to_thread(lambda: work(storage.Client(project=PROJECT)))


async def upload(cloud: Cloud, name: str, bucket: str = UPLOADS) -> None:
    await with_client(
        cloud, lambda client: client.bucket(bucket).blob(name).upload_from_string(b"abc", "image/jpeg")
    )


async def test_buckets_are_those_of_the_topology_with_their_rules(cloud: Cloud) -> None:
    buckets = await with_client(cloud, lambda client: {each.name: each for each in client.list_buckets()})
    assert buckets.keys() == {f"{PROJECT}-{name}" for name in cloud.topology.buckets}
    (rule,) = buckets[UPLOADS].cors
    assert rule["method"] == ["PUT"]
    assert "x-goog-content-length-range" in rule["responseHeader"]


async def test_a_bucket_of_the_topology_that_keeps_nothing_for_good_does_not(cloud: Cloud) -> None:
    days = cloud.topology.buckets["workspace"].delete_after_days
    assert days
    await upload(cloud, "runs/1/parts/00000.tsv", f"{PROJECT}-workspace")
    deleted = asyncio.Event()
    cloud.storage.on_event(deleted.set)
    cloud.clock.advance(timedelta(days=days).total_seconds())
    await asyncio.wait_for(deleted.wait(), 5)
    assert await with_client(cloud, lambda client: list(client.list_blobs(f"{PROJECT}-workspace"))) == []


async def test_a_feed_that_is_dropped_at_the_gateway_is_in_the_bucket_of_feeds(cloud: Cloud) -> None:
    name = "feeds/acme/prices.csv"
    async with aiohttp.ClientSession(cloud.environment["BASE_URL"]) as http:
        async with http.put(f"/_local/{name}", data=b"sku,price") as taken:
            assert (taken.status, (await taken.json())["object"]) == (201, name)
        async with http.get(f"/_local/{name}") as found:
            assert await found.read() == b"sku,price"
    feeds = cloud.environment["FEEDS_BUCKET"]
    blob = await with_client(cloud, lambda client: client.bucket(feeds).blob(name).download_as_bytes())
    assert blob == b"sku,price"


async def test_what_was_uploaded_is_told_to_its_function_and_nothing_else(
    watching: Topology, keys: Keys, function: Handler
) -> None:
    async with local_cloud(watching, None, Clock(), keys, function.url) as cloud:
        await cloud.start_deliveries()
        await upload(cloud, "renditions/1.webp", IMAGES)
        await upload(cloud, "products/p1/a photo.jpg")
        assert await cloud.idle(5)
    (received,) = function.received
    assert received.path == "/look-at"
    assert received.headers["ce-subject"] == "objects/products/p1/a%20photo.jpg"
    resource = json.loads(received.body)
    assert (resource["bucket"], resource["name"]) == (UPLOADS, "products/p1/a photo.jpg")
    assert (resource["size"], resource["contentType"]) == ("3", "image/jpeg")


async def test_an_event_that_nobody_took_is_told_after_a_restart(
    watching: Topology, keys: Keys, function: Handler, tmp_path: Path
) -> None:
    async with local_cloud(watching, tmp_path, Clock(), keys, function.url) as cloud:
        await upload(cloud, "photo.jpg")
        assert not await cloud.idle(0)
    async with local_cloud(watching, tmp_path, Clock(), keys, function.url) as cloud:
        await cloud.start_deliveries()
        assert await cloud.idle(5)
        assert cloud.stats()["events"]["lookAt"]["acknowledged"] == 1
    assert len(function.received) == 1


async def test_an_event_that_failed_is_the_next_thing_due(
    watching: Topology, keys: Keys, function: Handler
) -> None:
    function.default = 503
    async with local_cloud(watching, None, Clock(), keys, function.url) as cloud:
        await cloud.start_deliveries()
        await upload(cloud, "photo.jpg")
        assert await cloud.idle(5)
        due = cloud.next_due()
        assert due is not None
        assert 0 < (due - cloud.clock.now()).total_seconds() <= 10
        await cloud.stop_deliveries()


async def test_a_link_that_is_signed_with_the_environments_key_takes_an_upload(cloud: Cloud) -> None:
    credentials, _ = google.auth.default()
    headers = {"Content-Type": "image/jpeg", "x-goog-content-length-range": "1,100"}

    def signed(client: storage.Client) -> str:
        blob = client.bucket(UPLOADS).blob("products/p1/photo.jpg")
        return blob.generate_signed_url(
            version="v4",
            expiration=timedelta(minutes=15),
            method="PUT",
            headers=headers,
            credentials=credentials,
        )

    link = await with_client(cloud, signed)
    async with aiohttp.ClientSession() as http:
        async with http.put(link, data=b"abc", headers=headers) as taken:
            assert taken.status == 200, await taken.text()
        async with http.put(link, data=b"x" * 101, headers=headers) as refused:
            assert refused.status == 400


async def test_anyone_reads_images_at_the_gateway_and_no_uploads(cloud: Cloud) -> None:
    await upload(cloud, "products/p1/1.webp", IMAGES)
    await upload(cloud, "products/p1/secret.jpg")
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{cloud.environment['IMAGES_URL']}/products/p1/1.webp") as response:
            assert (response.status, await response.read()) == (200, b"abc")
        async with http.get(f"{cloud.environment['IMAGES_URL']}/products/p1/secret.jpg") as response:
            assert response.status == 404


async def test_the_trusted_source_of_images_is_the_stand_in(cloud: Cloud) -> None:
    async with aiohttp.ClientSession() as http:
        url = f"{cloud.environment['IMAGE_TRUSTED_SOURCES']}photo-1.jpg?width=20&height=10"
        async with http.get(url) as response:
            assert (response.status, response.content_type) == (200, "image/jpeg")


async def test_faults_of_storage_and_of_events_are_set_with_all_others(cloud: Cloud) -> None:
    base_url = cloud.environment["BASE_URL"]
    faults = {"storage": {"error_rate": 0.1, "seed": 1}, "events": {"duplicate_rate": 0.1}}
    async with aiohttp.ClientSession(base_url) as http:
        async with http.put("/_local/faults", json=faults) as response:
            assert (response.status, await response.json()) == (200, faults)
        async with http.put("/_local/faults", json={"events": {"create_error_rate": 1}}) as response:
            assert response.status == 400


async def test_what_waits_for_a_function_can_be_seen(cloud: Cloud) -> None:
    async with (
        aiohttp.ClientSession(cloud.environment["BASE_URL"]) as http,
        http.get("/_local/events") as response,
    ):
        assert await response.json() == []
