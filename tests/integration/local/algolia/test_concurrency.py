"""Writes and searches at the same time."""

import asyncio

from .conftest import Local


async def test_searches_during_writes_see_each_record_once_and_in_the_end_all(local: Local) -> None:
    await local.client.set_settings("shop", {"attributesForFaceting": ["lane"], "customRanking": ["desc(n)"]})
    await local.save("shop", {"objectID": "first", "name": "word"})

    async def write(lane: int) -> None:
        for start in range(0, 300, 100):
            await local.client.save_objects(
                "shop",
                [
                    {"objectID": f"{lane}-{n}", "lane": lane, "n": n, "name": "word"}
                    for n in range(start, start + 100)
                ],
            )
        await local.client.delete_objects("shop", [f"{lane}-{n}" for n in range(0, 300, 2)])

    async def search() -> None:
        for _ in range(5):
            found = await local.ids("shop", query="word", hitsPerPage=1000, attributesToHighlight=[])
            assert len(found) == len(set(found))

    await asyncio.gather(*(write(lane) for lane in range(3)), *(search() for _ in range(3)))

    answer = await local.search("shop", query="word", facets=["lane"])
    assert answer.nb_hits == 1 + 3 * 150
    assert answer.facets == {"lane": {"0": 150, "1": 150, "2": 150}}


async def test_writes_during_the_first_search_are_not_missed(local: Local) -> None:
    await local.save("shop", *({"objectID": f"{n:04}", "name": "word"} for n in range(2000)))

    first, *_ = await asyncio.gather(
        local.search("shop", query="word"),
        local.client.save_objects(
            "shop", [{"objectID": "0000", "name": "other"}, {"objectID": "x", "name": "word"}]
        ),
        local.client.delete_objects("shop", ["1999"]),
    )

    assert 1998 <= first.nb_hits <= 2001
    assert (await local.search("shop", query="word")).nb_hits == 1999
    assert await local.ids("shop", query="other") == ["0000"]
