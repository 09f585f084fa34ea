"""A restart, and even an abrupt end, loses nothing that was acknowledged."""

import shutil
from pathlib import Path

from .conftest import deletion, event, serving


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "supply-chain.sqlite"
    async with serving(file) as partner:
        first = await partner.post(event("p1", 1))
        await partner.post(deletion("p1", 2))
        before = (await partner.get("p1")).json
        partner.service.set_faults({"outage": True})
        await partner.post(event("p2", 7))

    async with serving(file) as partner:
        assert (await partner.get("p1")).json == before
        again = await partner.post(event("p1", 1))
        assert (again.status, again.json) == (first.status, first.json)
        assert (await partner.post(event("p1", 1), key="other")).status == 409
        partner.service.reset_stats()
        assert (await partner.post(event("p2", 6))).status == 201
        assert partner.service.stats["older_after_newer"] == 1


async def test_what_was_acknowledged_is_on_disk(tmp_path: Path) -> None:
    live, killed = tmp_path / "live", tmp_path / "killed"
    live.mkdir()
    async with serving(live / "supply-chain.sqlite") as partner:
        await partner.post(event("p1", 1))
        # What a killed process leaves behind: the files as they are, without closing the database.
        shutil.copytree(live, killed)

    async with serving(killed / "supply-chain.sqlite") as partner:
        assert (await partner.get("p1")).json["version"] == 1
        assert (await partner.post(event("p1", 1))).status == 201
        assert partner.service.stats["replayed"] == 1
