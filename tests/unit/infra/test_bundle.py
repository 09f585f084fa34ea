"""The bundle has what runs and nothing else, and the same files make the same bytes."""

import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

from infra.bundle import ROOT, bundled, main, write

# Of what may lie about in a checkout.
TREE = {
    "main.py": "ENTRY_POINTS = {}\n",
    "requirements.txt": "orjson==3.13.0\n",
    "functions/shop/main.py": "# Größe\n",
    "functions/products/openapi.json": "{}",
    "functions/ops/console/templates/base.html": "<!doctype html>",
    "functions/ops/console/static/app.css": "body {}",
    "functions/shop/__pycache__/main.cpython-313.pyc": "compiled",
    "functions/.env": "API_KEY=secret",
    "shared/clock.py": "",
    "shared/.cache/clock.txt": "cached",
    "tests/test_shop.py": "",
    "infra/topology.yaml": "",
    "README.md": "",
}
BUNDLED = [
    "functions/ops/console/static/app.css",
    "functions/ops/console/templates/base.html",
    "functions/products/openapi.json",
    "functions/shop/main.py",
    "main.py",
    "requirements.txt",
    "shared/clock.py",
]


def checkout(root: Path) -> Path:
    for name, content in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def test_it_holds_what_runs_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "it.zip", checkout(tmp_path / "shop"))
    with ZipFile(tmp_path / "it.zip") as bundle:
        assert bundle.namelist() == BUNDLED
        assert {name: bundle.read(name).decode() for name in BUNDLED} == {
            name: TREE[name] for name in BUNDLED
        }


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = checkout(tmp_path / "first"), checkout(tmp_path / "elsewhere/second")
    for name in BUNDLED:
        os.utime(second / name, (0, 1_900_000_000))
        (second / name).chmod(0o755)
    assert write(tmp_path / "first.zip", first) == write(tmp_path / "second.zip", second)
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


@pytest.mark.parametrize("changed", BUNDLED)
def test_any_other_file_makes_another_hash(tmp_path: Path, changed: str) -> None:
    root = checkout(tmp_path / "shop")
    before = write(tmp_path / "it.zip", root)
    (root / changed).write_text("# changed\n")
    assert write(tmp_path / "it.zip", root) != before


def test_a_renamed_file_makes_another_hash(tmp_path: Path) -> None:
    root = checkout(tmp_path / "shop")
    before = write(tmp_path / "it.zip", root)
    (root / "shared/clock.py").rename(root / "shared/watch.py")
    assert write(tmp_path / "it.zip", root) != before


def test_its_entries_have_no_time_no_owner_and_no_compression(tmp_path: Path) -> None:
    write(tmp_path / "it.zip", checkout(tmp_path / "shop"))
    with ZipFile(tmp_path / "it.zip") as bundle:
        for entry in bundle.infolist():
            assert datetime(*entry.date_time) == datetime(1980, 1, 1)
            assert stat.filemode(entry.external_attr >> 16) == "-rw-r--r--"
            assert (entry.create_system, entry.compress_type, entry.extra) == (3, ZIP_STORED, b"")


@pytest.mark.parametrize(
    "stranger",
    [
        "functions/shop/main.py~",
        "functions/shop/main.py.orig",
        "functions/shop/#main.py#",
        "functions/service-account.json",
        "functions/ops/console/templates/notes.txt",
        "functions/ops/console/static/token.json",
        "functions/shop/templates/base.html",
        "functions/old shop/main.py",
        "functions/größe.py",
        "shared/key.pem",
        "shared/README",
    ],
)
def test_what_only_lies_there_is_not_deployed_but_named(tmp_path: Path, stranger: str) -> None:
    root = checkout(tmp_path / "shop")
    (root / stranger).parent.mkdir(parents=True, exist_ok=True)
    (root / stranger).write_text("secret")
    with pytest.raises(ValueError, match=re.escape(stranger)):
        write(tmp_path / "it.zip", root)
    assert not (tmp_path / "it.zip").exists()


def test_a_name_that_is_no_text_is_refused_like_any_other(tmp_path: Path) -> None:
    root = checkout(tmp_path / "shop")
    (root / "shared/caf\udce9.py").touch()
    with pytest.raises(ValueError, match=r"shared/caf\\udce9\.py"):
        write(tmp_path / "it.zip", root)


def test_a_link_is_followed_to_a_file_and_refused_to_a_folder(tmp_path: Path) -> None:
    root = checkout(tmp_path / "shop")
    (root / "shared/watch.py").symlink_to(root / "README.md")
    assert "shared/watch.py" in bundled(root)
    (root / "shared/more").symlink_to(root / "tests")
    with pytest.raises(ValueError, match="shared/more"):
        write(tmp_path / "it.zip", root)


def test_a_link_that_leads_nowhere_makes_no_bundle(tmp_path: Path) -> None:
    root = checkout(tmp_path / "shop")
    (root / "shared/watch.py").symlink_to(root / "nowhere.py")
    with pytest.raises(FileNotFoundError, match=r"watch\.py"):
        write(tmp_path / "it.zip", root)


@pytest.mark.parametrize("missing", ["main.py", "requirements.txt", "functions/products/openapi.json"])
def test_what_cannot_be_deployed_makes_no_bundle(tmp_path: Path, missing: str) -> None:
    root = checkout(tmp_path / "shop")
    (root / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing):
        write(tmp_path / "it.zip", root)
    assert not (tmp_path / "it.zip").exists()


def test_this_checkout_has_a_module_for_each_package_of_the_product() -> None:
    names = set(bundled())
    rooms = {path.name for path in (ROOT / "functions").iterdir() if (path / "__init__.py").exists()}
    assert {f"functions/{room}/__init__.py" for room in rooms} < names
    assert {name.partition("/")[0] for name in names} == {
        "main.py",
        "requirements.txt",
        "functions",
        "shared",
    }


def test_every_requirement_is_pinned_by_version_and_hash() -> None:
    lines = (ROOT / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    requirements = [line for line in lines if not line.lstrip().startswith("#")]
    bare = [line.split()[0] for line in requirements if "==" not in line or "--hash=sha256:" not in line]
    assert requirements, "there are none"
    assert not bare, f"run 'make lock', which pins them: {bare}"


def test_it_says_where_it_is_how_large_and_its_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "build/it.zip"
    main([str(target)])
    path, size, digest = capsys.readouterr().out.splitlines()
    assert path == str(target)
    assert size == f"{target.stat().st_size:,} bytes"
    assert digest == f"sha256 {write(target)}"


def test_it_says_what_is_in_the_way_without_a_traceback(tmp_path: Path) -> None:
    root = checkout(tmp_path / "shop")
    shutil.copy(ROOT / "infra/bundle.py", root / "infra")
    (root / "shared/key.pem").touch()
    command = [sys.executable, str(root / "infra/bundle.py"), str(tmp_path / "it.zip")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("error: neither modules nor named in infra/bundle.py: 'shared/key.pem'\n")
