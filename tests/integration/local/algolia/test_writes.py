"""Records written through the official client."""

from typing import Any

from .conftest import Local


async def test_saved_records_are_found_and_read_back(local: Local) -> None:
    await local.save("shop", {"objectID": "1", "name": "Blue shirt"}, {"objectID": "2", "name": "Red hat"})

    found = await local.search("shop", query="shirt")

    assert [hit.to_dict()["name"] for hit in found.hits] == ["Blue shirt"]
    assert (await local.client.get_object("shop", "2"))["name"] == "Red hat"


async def test_replace_all_objects_replaces_records_and_keeps_settings(local: Local) -> None:
    await local.save("shop", *({"objectID": str(n)} for n in range(5)))
    await local.client.set_settings("shop", {"hitsPerPage": 2})
    fresh = [{"objectID": f"new{n}", "name": "x"} for n in range(3)]

    await local.client.replace_all_objects("shop", fresh, batch_size=2)

    walked: list[Any] = []
    await local.client.browse_objects("shop", lambda page: walked.extend(page.hits))
    assert [hit.object_id for hit in walked] == ["new0", "new1", "new2"]
    assert (await local.client.get_settings("shop")).hits_per_page == 2
    assert [item.name for item in (await local.client.list_indices()).items] == ["shop"]
