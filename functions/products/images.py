"""A product's images when a seller changes them: which stay, which come, which go, and where they may come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.images import Entry, new_entry, shown
from shared.problems import invalid_fields


@dataclass(frozen=True)
class Arrangement:
    """Images after a change.

    Args:
        fields: of the product.
        added: the new ones.
        removed: the ids of those that are gone.
    """

    fields: dict[str, Any]
    added: Sequence[Entry]
    removed: Sequence[str]


def arranged(before: Sequence[Entry], urls: Sequence[str], new_id: Callable[[], str]) -> Arrangement:
    """The images at ``urls``, in that order: those that were there stay what they are, wherever they stood.

    A URL that comes twice is one image in two places.
    """
    by_source = {entry["source"]: entry for entry in before}
    added = {url: new_entry(new_id(), url) for url in urls if url not in by_source}
    known = by_source | added
    kept = {known[url]["id"] for url in urls}
    gone = dict.fromkeys(entry["id"] for entry in before if entry["id"] not in kept)
    return Arrangement(shown([known[url] for url in urls]), list(added.values()), list(gone))


@dataclass(frozen=True)
class AllowedSources:
    """Where images may come from: https URLs on the usual port, and what begins with one of the ``trusted`` prefixes.

    Not from ``own``, the address of the catalog itself: uploads are known by URLs below it, and come by their links.
    """

    trusted: Sequence[str]
    own: str

    def require(self, images: Arrangement, urls: Sequence[str]) -> None:
        """Let no new image through that will not be fetched.

        Raises:
            Problem: 422 with the places of the others in ``product_images``.
        """
        new = {entry["source"] for entry in images.added}
        refused = {
            f"product_images[{place}]": refusal
            for place, url in enumerate(urls)
            if url in new and (refusal := self._refusal(url))
        }
        if refused:
            raise invalid_fields(refused)

    def _refusal(self, url: str) -> str:
        if url.startswith(tuple(self.trusted)):
            return ""
        if url.startswith(f"{self.own}/"):
            return "is no upload of this product"
        parts = urlsplit(url)
        return "" if parts.scheme == "https" and not parts.port else "must be an https URL on port 443"
