"""A restart, and even an abrupt end, loses nothing that was acknowledged, and leaves nothing half done."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from .conftest import serving


def blobs(directory: Path) -> int:
    """How many files there are with bytes of objects."""
    return len(list((directory / "storage").iterdir()))


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as shop:
        before = await shop.put("a", b"bytes", content_type="image/png")
    async with serving(tmp_path) as shop:
        after = await shop.run(shop.bucket.get_blob, "a")
        assert (after.generation, after.etag, after.content_type) == (
            before.generation,
            before.etag,
            "image/png",
        )
        assert await shop.run(after.download_as_bytes) == b"bytes"
        assert shop.happened() == [("finalized", "a", str(before.generation))]


async def test_generations_rise_over_restarts_and_a_clock_that_goes_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as shop:
        shop.clock.advance(86400)
        first = await shop.put("a")
        await shop.run(first.delete)
    async with serving(tmp_path) as shop:
        assert (await shop.put("a")).generation > first.generation


async def test_what_was_acknowledged_is_on_disk(tmp_path: Path) -> None:
    live, killed = tmp_path / "live", tmp_path / "killed"
    live.mkdir()
    async with serving(live) as shop:
        await shop.put("a", b"old")
        await shop.put("a", b"new")
        # What a killed process leaves behind: the files as they are, without closing the database.
        shutil.copytree(live, killed)
    async with serving(killed) as shop:
        assert await shop.run(shop.bucket.blob("a").download_as_bytes) == b"new"
        assert [happening for happening, _, _ in shop.happened()] == ["finalized", "finalized", "deleted"]


async def test_a_kill_before_the_commit_leaves_the_old_object(tmp_path: Path) -> None:
    live, killed = tmp_path / "live", tmp_path / "killed"
    live.mkdir()
    async with serving(live) as shop:
        await shop.put("a", b"old")

        async def body() -> AsyncIterator[bytes]:
            yield b"new"
            # Here the service holds a part of the body, and may hold all of it.
            shutil.copytree(live, killed)

        query = {"uploadType": "media", "name": "a"}
        async with shop.http.post("/upload/storage/v1/b/goods/o", params=query, data=body()) as response:
            assert response.status == 200
    (killed / "storage" / "draft").write_bytes(b"bytes that no row names")
    async with serving(killed) as shop:
        assert await shop.run(shop.bucket.blob("a").download_as_bytes) == b"old"
        assert [happening for happening, _, _ in shop.happened()] == ["finalized"]
    assert blobs(killed) == 1


async def test_files_go_with_the_last_object_that_has_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as shop:
        first = await shop.put("a", b"1")
        copy = await shop.run(shop.bucket.copy_blob, first, shop.bucket, "b")
        await shop.run(first.delete)
        assert blobs(tmp_path) == 1
        await shop.run(copy.delete)
        await shop.put("c", b"2")
        await shop.put("c", b"3")
        assert blobs(tmp_path) == 1


async def test_who_reads_the_old_bytes_reads_them_to_the_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as shop:
        content = bytes(8_000_000)
        await shop.put("a", content)
        async with shop.http.get("/storage/v1/b/goods/o/a", params={"alt": "media"}) as response:
            await shop.put("a", b"new")
            assert await response.read() == content


async def test_nothing_is_kept_of_a_service_without_a_directory() -> None:
    async with serving() as shop:
        await shop.put("a")
        folder = shop.service._blobs._folder
    assert not folder.exists()
