"""Lists of objects and of buckets."""

from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound

from .conftest import Shop

NAMES = ["a", "b/", "b/1", "b/2", "b/c/3", "d", "Ä/x", "\U0001f4f7"]


async def listed(shop: Shop, **wanted: Any) -> tuple[list[str], list[str]]:
    """Names and folders."""

    def collect() -> tuple[list[str], list[str]]:
        blobs = shop.client.list_blobs("goods", **wanted)
        return [blob.name for blob in blobs], sorted(blobs.prefixes)

    return await shop.run(collect)


@pytest.fixture
async def full(shop: Shop) -> Shop:
    for name in reversed(NAMES):
        await shop.put(name, b"")
    return shop


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_list_has_all_names_in_order_whatever_its_pages(full: Shop, size: int) -> None:
    assert (await listed(full, page_size=size))[0] == NAMES
    assert await listed(full, page_size=size, delimiter="/") == (["a", "d", "\U0001f4f7"], ["b/", "Ä/"])


@pytest.mark.parametrize(
    ("wanted", "names", "folders"),
    [
        ({"prefix": "b/"}, ["b/", "b/1", "b/2", "b/c/3"], []),
        ({"prefix": "b/", "delimiter": "/"}, ["b/", "b/1", "b/2"], ["b/c/"]),
        (
            {"delimiter": "/", "include_trailing_delimiter": True},
            ["a", "b/", "d", "\U0001f4f7"],
            ["b/", "Ä/"],
        ),
        ({"start_offset": "b/2", "end_offset": "d"}, ["b/2", "b/c/3"], []),
        ({"prefix": "nothing"}, [], []),
        ({"max_results": 2}, ["a", "b/"], []),
    ],
)
async def test_a_list_of_some(
    full: Shop, wanted: dict[str, Any], names: list[str], folders: list[str]
) -> None:
    assert await listed(full, **wanted) == (names, folders)


async def test_a_page_token_that_is_none_is_refused(shop: Shop) -> None:
    with pytest.raises(BadRequest):
        await listed(shop, page_token="ÿ")


async def test_a_bucket_is_made_shown_and_removed(shop: Shop) -> None:
    bucket = await shop.run(shop.client.create_bucket, "more-goods", location="EU")
    assert (bucket.location, bucket.metageneration) == ("EU", 1)
    with pytest.raises(Conflict):
        await shop.run(shop.client.create_bucket, "more-goods")
    assert [b.name for b in await shop.run(lambda: list(shop.client.list_buckets(page_size=1)))] == [
        "goods",
        "more-goods",
    ]
    await shop.run(bucket.delete)
    with pytest.raises(NotFound):
        await shop.run(shop.client.get_bucket, "more-goods")


async def test_a_bucket_with_objects_is_not_removed(shop: Shop) -> None:
    await shop.put("a")
    with pytest.raises(Conflict, match="not empty"):
        await shop.run(shop.bucket.delete)


async def test_a_bucket_that_is_ensured_twice_keeps_what_it_has(shop: Shop) -> None:
    await shop.put("a")
    shop.service.ensure_bucket("goods", public=False)
    cors = [{"origin": ["*"], "method": ["PUT"]}]
    shop.service.ensure_bucket("goods", public=True, settings={"cors": cors})
    bucket = await shop.run(shop.client.get_bucket, "goods")
    assert (bucket.cors, bucket.metageneration) == (cors, 2)
    assert (await listed(shop))[0] == ["a"]


async def test_a_bucket_needs_a_name_that_can_be(shop: Shop) -> None:
    with pytest.raises(BadRequest):
        await shop.run(shop.client.create_bucket, "No Such Name")
