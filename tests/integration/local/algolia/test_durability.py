"""A restart, and even an abrupt end, loses nothing that was acknowledged."""

import asyncio
import shutil
from pathlib import Path

from infra.local.clock import Clock

from .conftest import serving


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "algolia.db"
    async with serving(file) as local:
        local.service.limits = {"publish_delay_s": 1000}
        settings = {"replicas": ["by_n"], "attributesForFaceting": ["color"], "customRanking": ["desc(n)"]}
        await local.client.set_settings("shop", settings)
        await local.client.set_settings("by_n", {"ranking": ["asc(n)"]})
        records = [{"objectID": f"{n}", "n": n, "color": "red" if n % 2 else "blue"} for n in range(300)]
        task = (await local.client.save_objects("shop", records))[0].task_id
        await local.client.delete_objects("shop", ["0"])

    async with serving(file) as local:
        assert (await local.client.get_task("shop", task)).status == "notPublished"
        assert await local.ids("shop", filters="color:red", hitsPerPage=2) == ["299", "297"]
        assert await local.ids("by_n", hitsPerPage=2) == ["1", "2"]
        assert (await local.search("shop")).nb_hits == 299
        later = await local.client.save_objects("shop", [{"objectID": "new"}])
        assert later[0].task_id > task
        assert (await local.search("shop")).nb_hits == 300


async def test_what_was_acknowledged_is_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "live" / "algolia.db"
    file.parent.mkdir()
    async with serving(file) as local:
        await local.save("shop", {"objectID": "1", "name": "kept"})
        # What a killed process leaves behind: the files as they are, without closing the database.
        shutil.copytree(file.parent, tmp_path / "killed")

    async with serving(tmp_path / "killed" / "algolia.db", Clock()) as local:
        assert await local.ids("shop", query="kept") == ["1"]


async def test_the_same_search_gives_the_same_order_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "algolia.db"
    async with serving(file) as local:
        await local.save("shop", *({"objectID": f"{n:03}", "name": "same name"} for n in range(50)))
        assert len(await local.ids("shop", query="same")) == 20
        await local.save("shop", {"objectID": "007", "name": "same name again"})
        before = await local.ids("shop", query="same", hitsPerPage=50)

    async with serving(file) as local:
        assert await local.ids("shop", query="same", hitsPerPage=50) == before


async def test_searches_and_writes_right_after_a_restart_see_everything(tmp_path: Path) -> None:
    file = tmp_path / "algolia.db"
    async with serving(file) as local:
        await local.client.set_settings("shop", {"replicas": ["by_n"]})
        await local.client.set_settings("by_n", {"ranking": ["desc(n)"]})
        await local.save(
            "shop", *({"objectID": f"{n}", "n": n, "name": "word", "tag": f"t{n}"} for n in range(2000))
        )

    async with serving(file) as local:
        answer, last, _ = await asyncio.gather(
            local.search("shop", query="word"),
            local.ids("by_n", query="word", hitsPerPage=1),
            local.client.save_objects("shop", [{"objectID": "7", "name": "other", "n": -1}]),
        )
        assert answer.nb_hits in (1999, 2000)
        assert last == ["1999"]
        assert await local.ids("shop", query="other") == ["7"]
        assert await local.ids("shop", query="t1234", typoTolerance=False) == ["1234"]
        assert (await local.search("shop", query="word")).nb_hits == 1999
