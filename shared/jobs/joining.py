"""Comparing several stores that keep things of the same keys: each is walked in the order of its keys, side by side.

Nothing is held but a page of each and what they have of one key, however much there is.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncQuery, DocumentSnapshot

T = TypeVar("T")
Group = tuple[str, list[Any]]

# How often what is still changing is looked at.
_MAX_LOOKS = 4


# The items of a store, in order, behind one of them, or from the start; fewer than its limit at the end.
PageOf = Callable[[T | None, int], Awaitable[Sequence[T]]]


async def paged(page: "PageOf[T]", limit: int) -> AsyncIterator[T]:
    """All items of a store, read a page at a time, when the one before has been used up."""
    found = await page(None, limit)
    while found:
        for item in found:
            yield item
        if len(found) < limit:
            return
        found = await page(found[-1], limit)


async def documents(
    query: "AsyncQuery", limit: int, uses: Counter[str]
) -> "AsyncIterator[DocumentSnapshot[Any]]":
    """What an ordered query finds, read a page at a time; ``uses`` counts the reads."""

    async def page(after: Any | None, limit: int) -> Sequence[Any]:
        rest = query if after is None else query.start_after(after)
        found = await rest.limit(limit).get()
        # A query that finds nothing is paid for as a read.
        uses["firestore_reads"] += max(1, len(found))
        return list(found)

    async for snapshot in paged(page, limit):
        yield snapshot


async def counted(query: Any, uses: Counter[str]) -> int:
    """How many documents a query or a collection has."""
    ((found,),) = await query.count().get()
    # Up to a thousand entries of the index are paid for as a read, and nothing is too.
    uses["firestore_reads"] += max(1, -(-int(found.value) // 1_000))
    return int(found.value)


async def grouped(items: AsyncIterator[T], key: Callable[[T], str]) -> AsyncIterator[Group]:
    """Neighbours of the same key, together.

    Raises:
        ValueError: the items are not in the order of their keys, so that nothing found in them could be believed.
    """
    current, held = "", list[Any]()
    async for item in items:
        following = key(item)
        if held and following < current:
            raise ValueError(
                f"{following!r} comes after {current!r}: the store is not in the order of its keys."
            )
        if held and following != current:
            yield current, held
            held = []
        current = following
        held.append(item)
    if held:
        yield current, held


async def joined(sources: Sequence[AsyncIterator[Group]]) -> AsyncGenerator[tuple[str, list[list[Any]]]]:
    """Each key that any of the sources has, in order, with what each of them has of it."""
    heads = [await anext(source, None) for source in sources]
    while keys := [head[0] for head in heads if head]:
        least = min(keys)
        ours = [head is not None and head[0] == least for head in heads]
        yield least, [head[1] if head and own else [] for head, own in zip(heads, ours, strict=True)]
        heads = [
            await anext(source, None) if own else head
            for source, head, own in zip(sources, heads, ours, strict=True)
        ]


async def settled(seen: T, look: Callable[[], Awaitable[T]]) -> T | None:
    """What was so at one instant; ``None`` if it keeps changing.

    A look takes in several documents one after the other, and they may be of different times. But what two looks in a
    row agree on was so when the first had ended and the second had not begun, provided that nothing which is compared
    ever comes back to what it was: each has a version, a generation or the time of its last change.

    Args:
        seen: the first look.
    """
    for _ in range(_MAX_LOOKS):
        again = await look()
        if again == seen:
            return again
        seen = again
    return None
