"""Addresses within the page."""

from collections.abc import Mapping
from urllib.parse import unquote, urlencode, urlsplit

_MAX_PATH = 2_000


def own_path(asked: str, prefix: str) -> str:
    """``asked`` if it leads to a page of ours, else our first one: nobody is to be sent elsewhere by a link of ours.

    Args:
        prefix: the path of the function, such as ``/ops``.
    """
    if not asked.isprintable() or "\\" in asked or len(asked) > _MAX_PATH:
        return prefix
    try:
        url = urlsplit(asked)
    except ValueError:
        return prefix
    within = url.path == prefix or url.path.startswith(f"{prefix}/")
    # As browsers read them, which take a dot that is written in another way for a dot.
    steps = unquote(url.path).split("/")
    if url.scheme or url.netloc or not within or {".", ".."} & set(steps):
        return prefix
    return asked


def with_query(path: str, parameters: Mapping[str, object]) -> str:
    """``path``, which may have a query, with parameters; those that are ``None`` or empty are left out."""
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    if not given:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(given)}"
