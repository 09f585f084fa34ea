"""The other official ways in: the synchronous client, and the bare transporter with plain dictionaries."""

import asyncio
from json import dumps, loads
from typing import Any

from algoliasearch.http.request_options import RequestOptions
from algoliasearch.http.transporter_sync import TransporterSync
from algoliasearch.http.verb import Verb
from algoliasearch.search.client import SearchClientSync

from .conftest import Local


async def test_the_synchronous_client(local: Local) -> None:
    def work() -> tuple[int, list[str], bool]:
        with SearchClientSync(config=local.config()) as client:
            client.save_objects("shop", [{"objectID": str(n), "n": n} for n in range(5)], wait_for_tasks=True)
            client.replace_all_objects("shop", [{"objectID": "a", "n": 1}, {"objectID": "b", "n": 2}])
            found = client.search_single_index("shop", {"numericFilters": ["n > 1"]})
            walked: list[str] = []
            client.browse_objects("shop", lambda page: walked.extend(hit.object_id for hit in page.hits))
            return found.nb_hits or 0, walked, client.index_exists("nowhere")

    assert await asyncio.to_thread(work) == (1, ["a", "b"], False)


async def test_the_bare_transporter_with_compressed_bodies(local: Local) -> None:
    config = local.config()
    config.compression_type = "gzip"

    def call(
        transporter: TransporterSync, verb: Verb, path: str, body: Any = None, read: bool = False
    ) -> Any:
        options = RequestOptions(config).merge(data=None if body is None else dumps(body))
        return loads(transporter.request(verb, path, options, use_read_transporter=read).raw_data or "")

    def work() -> tuple[str, list[dict[str, Any]]]:
        transporter = TransporterSync(config)
        requests = [
            {"action": "addObject", "body": {"objectID": str(n), "text": "x" * 50}} for n in range(40)
        ]
        task = call(transporter, Verb.POST, "/1/indexes/shop/batch", {"requests": requests})["taskID"]
        status = call(transporter, Verb.GET, f"/1/indexes/shop/task/{task}")["status"]
        query = {"query": "", "hitsPerPage": 1, "attributesToRetrieve": [], "attributesToHighlight": []}
        hits = call(transporter, Verb.POST, "/1/indexes/shop/query", query, read=True)["hits"]
        transporter.close()
        return status, hits

    assert await asyncio.to_thread(work) == ("published", [{"objectID": "0"}])


async def test_credentials_and_parameters_may_be_in_the_url(local: Local) -> None:
    await local.save("shop", {"objectID": "1", "name": "hat"}, {"objectID": "2", "name": "shirt"})
    credentials = "x-algolia-application-id=testing&x-algolia-api-key=search-key"

    status, body = await local.plain(f"/1/indexes/shop?query=hat&hitsPerPage=5&{credentials}")

    assert status == 200
    assert [hit["objectID"] for hit in body["hits"]] == ["1"]
    assert (await local.plain("/1/indexes/shop?query=hat"))[1] == {
        "message": "Invalid Application-ID or API key",
        "status": 403,
    }


async def test_a_path_that_is_not_served_names_itself(local: Local) -> None:
    status, body = await local.plain("/1/logs?x-algolia-application-id=testing&x-algolia-api-key=admin-key")

    assert (status, body["message"]) == (404, "GET /1/logs: not implemented by the local Algolia")
