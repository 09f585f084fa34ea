"""Starting, stopping and restarting the local cloud, as a person at a terminal would."""

import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from google.cloud.firestore import Client

from tests.e2e.harness import LocalCloud, local_cloud

# On a machine that has nothing else to do.
_STOP_SECONDS = 3.0
_CONTRACT = {
    *("GOOGLE_CLOUD_PROJECT", "BASE_URL", "FIRESTORE_EMULATOR_HOST", "CLOUD_TASKS_EMULATOR_HOST"),
    *("CLOUD_SCHEDULER_EMULATOR_HOST", "ALGOLIA_HOST", "ALGOLIA_APP_ID", "ALGOLIA_API_KEY"),
    *("ALGOLIA_RETURNS_INDEX", "AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL"),
}


def test_the_environment_file_reaches_everything_and_is_private(system: LocalCloud) -> None:
    assert system.environment.keys() >= _CONTRACT
    assert stat.S_IMODE((system.data_dir / "env").stat().st_mode) == 0o600
    assert system.environment["BASE_URL"] == system.base_url


def test_the_front_page_lists_functions_and_controls(system: LocalCloud) -> None:
    page = system.http.get("/").raise_for_status()
    assert "/returns" in page.json()["functions"]
    assert "POST /_local/clock:advance" in page.json()["controls"]
    html = system.http.get("/", headers={"Accept": "text/html"}).raise_for_status()
    assert html.headers["content-type"].startswith("text/html")


def test_moving_the_clock_moves_the_functions(system: LocalCloud) -> None:
    user = system.token("ops")  # for an hour
    assert system.http.get("/returns/nobody", headers=user).status_code == 404
    system.http.post("/_local/clock:advance", json={"seconds": 7200}).raise_for_status()
    assert system.http.get("/returns/nobody", headers=user).status_code == 401
    assert system.http.get("/returns/nobody", headers=system.token("ops")).status_code == 404


def test_the_functions_come_back_after_a_kill(system: LocalCloud) -> None:
    user = system.token("ops")
    (before,) = psutil.Process(system.process.pid).children()
    system.http.post("/_local/functions:kill").raise_for_status()
    (after,) = psutil.Process(system.process.pid).children()
    assert after.pid != before.pid
    assert system.http.get("/returns/nobody", headers=user).status_code == 404


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[LocalCloud]:
    """A local cloud whose port somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cloud = LocalCloud(tmp_path, PORT=str(taken.getsockname()[1]))
        cloud.process.wait(timeout=30)
        yield cloud


def test_a_taken_port_is_named_with_a_way_out(refused: LocalCloud) -> None:
    assert refused.process.returncode == 1
    assert len(refused.output) == 1
    assert f"Port {refused.options['PORT']} " in refused.text
    assert "make run" in refused.text


def test_a_second_one_on_the_same_data_is_refused(system: LocalCloud) -> None:
    second = LocalCloud(system.data_dir)
    assert second.process.wait(timeout=30) == 1
    assert str(system.data_dir) in second.text
    assert "Traceback" not in second.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("SEED", "demmo"),
        ("LOG", "yes"),
        ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    cloud = LocalCloud(tmp_path, **{name: value})
    assert cloud.process.wait(timeout=30) == 1
    assert name in cloud.text
    assert value in cloud.text
    assert len(cloud.output) == 1


def test_a_stop_is_clean_and_quick_and_loses_nothing(tmp_path: Path) -> None:
    with local_cloud(tmp_path) as first:
        before = _remember_something(first)
        with socket.create_connection(("127.0.0.1", int(first.options["PORT"]))) as slow:
            slow.sendall(b"POST /returns/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            started = time.monotonic()
            first.process.send_signal(signal.SIGINT)
            assert first.stop(signal.SIGINT) == 0  # an impatient second one
            assert time.monotonic() - started < _STOP_SECONDS * max(1.0, _load())
        _check_remembered(first.restarted(), before)


def test_a_kill_loses_nothing_and_leaves_no_process(tmp_path: Path) -> None:
    with local_cloud(tmp_path) as first:
        before = _remember_something(first)
        functions = psutil.Process(first.process.pid).children()
        assert functions
        first.stop(signal.SIGKILL)
        _, alive = psutil.wait_procs(functions, timeout=5)
        assert not alive, f"the functions process outlived its supervisor: {alive}"
        _check_remembered(first.restarted(), before)


def _load() -> float:
    """How many processes want each processor."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _remember_something(cloud: LocalCloud) -> dict[str, object]:
    _firestore(cloud).document("kept/one").set({"text": "still here"})
    now = cloud.http.post("/_local/clock:advance", json={"seconds": 86_400}).raise_for_status().json()["now"]
    return {"now": now, "keys": cloud.environment["ALGOLIA_API_KEY"], "jwks": _jwks(cloud)}


def _check_remembered(cloud: LocalCloud, before: dict[str, object]) -> None:
    cloud.wait_for("ready")
    try:
        assert _firestore(cloud).document("kept/one").get().to_dict() == {"text": "still here"}
        assert cloud.http.get("/_local/clock").json()["now"] > before["now"]
        assert cloud.environment["ALGOLIA_API_KEY"] == before["keys"]
        assert _jwks(cloud) == before["jwks"]
    finally:
        assert cloud.stop(signal.SIGTERM) == 0


def _jwks(cloud: LocalCloud) -> object:
    return cloud.http.get("/_local/identity/jwks").raise_for_status().json()


def _firestore(cloud: LocalCloud) -> Client:
    os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.environment["FIRESTORE_EMULATOR_HOST"]
    try:
        return Client(project=cloud.environment["GOOGLE_CLOUD_PROJECT"])
    finally:
        del os.environ["FIRESTORE_EMULATOR_HOST"]
