"""What is deployed: one zip of ``main.py``, ``functions/``, ``shared/`` and the pinned requirements, and nothing else.

The same files make the same bytes, on any machine and with any Python, so that its hash says whether there is
anything to deploy: names are sorted, times and permissions fixed, and nothing is compressed, since what zlib makes of
a file depends on its version. A file's place, name and content are all that counts.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

ROOT = Path(__file__).parents[1]
_FILES = ("main.py", "requirements.txt", "functions/products/openapi.json")
_FOLDERS = ("functions", "shared")
_MODULE = re.compile(r"(\w+/)+\w+\.py", re.ASCII)
# What the operators' page is made of besides.
_PAGE = re.compile(r"functions/ops/console/(templates/\w+\.html|static/\w+\.(css|js|svg))", re.ASCII)
# The earliest that a zip can say: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.6.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_REGULAR_FILE_READ_BY_ALL = 0o100644 << 16


def bundled(root: Path = ROOT) -> list[str]:
    """The files that are deployed, relative to ``root``, sorted: some by name, of the folders all modules and the page.

    They are, tracked by git or not: what runs locally is what runs there. Hidden files and what Python compiled are
    left out.

    Raises:
        ValueError: a folder has something else: an editor's copy, a key, or data that has to be named here.
    """
    found = {name for folder in _FOLDERS for name in _within(root, folder)} - {*_FILES}
    if strangers := sorted(name for name in found if not _is_known(name)):
        raise ValueError(f"neither modules nor named in infra/bundle.py: {', '.join(map(repr, strangers))}")
    return sorted({*_FILES, *found})


def _is_known(name: str) -> bool:
    return bool(_MODULE.fullmatch(name) or _PAGE.fullmatch(name))


def _within(root: Path, folder: str) -> Iterator[str]:
    """All but folders; a link counts wherever it leads, so that none is passed over."""
    for path in (root / folder).rglob("*"):
        inside = path.relative_to(root)
        if not _is_left_out(inside) and (path.is_symlink() or not path.is_dir()):
            yield inside.as_posix()


def _is_left_out(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def write(target: Path, root: Path = ROOT) -> str:
    """Make the bundle of ``root`` and return its SHA-256, in hexadecimal digits.

    Raises:
        FileNotFoundError: one of the files that are named is missing, or what a link leads to.
        ValueError: as :func:`bundled`.
    """
    contents = {name: (root / name).read_bytes() for name in bundled(root)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w", ZIP_STORED) as bundle:
        for name, content in contents.items():
            bundle.writestr(_entry(name), content)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _TIME)
    # By itself Python notes here on which system it ran.
    entry.create_system = _UNIX
    entry.external_attr = _REGULAR_FILE_READ_BY_ALL
    return entry


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the bundle and print where it is, its size and its hash."""
    parser = argparse.ArgumentParser(description="Make the zip that Terraform deploys.")
    parser.add_argument("target", type=Path, nargs="?", default=ROOT / "build/backstock.zip")
    target = parser.parse_args(arguments).target
    try:
        digest = write(target)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(f"{target}\n{target.stat().st_size:,} bytes\nsha256 {digest}\n")


if __name__ == "__main__":
    main()
