"""A night's walk through a bucket of more objects than a night has time for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.cloud.firestore import AsyncClient

from functions.images.buckets import Listed
from functions.images.orphans import OrphanSweeper, Walk, is_original
from shared.images import Images

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class SlowBucket:
    """One whose listings take a minute each, as its clock has it."""

    names: Sequence[str]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted: list[str] = field(default_factory=list)

    async def page(self, after: str, limit: int) -> Sequence[Listed]:
        self.now += timedelta(minutes=1)
        return [Listed(name, 1, LONG_AGO) for name in self.names if name > after][:limit]

    async def delete_listed(self, listed: Iterable[Listed]) -> None:
        self.deleted += [each.name for each in listed]


async def test_a_walk_ends_in_time_and_the_next_goes_on_where_it_was(db: AsyncClient) -> None:
    bucket = SlowBucket([f"products/gone/{number:04}" for number in range(1_700)])
    images = Images(db, lambda: bucket.now)
    sweeper = OrphanSweeper(db, images, [Walk("uploads", bucket, is_original)], lambda: bucket.now)
    assert await sweeper.sweep() == {"uploads": 1_000}
    assert await sweeper.sweep() == {"uploads": 700}
    assert bucket.deleted == list(bucket.names)
