"""The rules of the house. Each failure says what to do about it."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from functions_framework import _function_registry as registry

import main
from infra.topology import Topology, load
from shared.tasks import DISPATCH_DEADLINE, Queue

ROOT = Path(main.__file__).parent
MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 45
# These may know the environment: where a service is, what a deployment is, how much is logged.
READ_THE_ENVIRONMENT = {"shared/clients.py", "shared/settings.py", "shared/logs.py"}
# What takes long to import, and which modules of entry points use it: every other would pay for it at each cold start.
HEAVY = {
    "google.cloud.firestore": {"functions.returns.main", "functions.returns.maintenance_main"},
    "google.cloud.tasks_v2": {"functions.returns.main"},
    "google.cloud.storage": set[str](),
    "algoliasearch": {
        "functions.returns.main",
        "functions.returns.maintenance_main",
        "functions.returns.search_main",
    },
    "PIL": {"functions.images.compression_main"},
    "pyarrow": {"functions.prices.ingest_main"},
    "redis": set[str](),
    # Never: its every use has a lighter way (shared/clients.py), or is of the deployment's and no function's.
    "algoliasearch.search.client": set[str](),
    "aiohttp": set[str](),
    "google.cloud.scheduler": set[str](),
    # Of the operators' command line, which no function needs.
    "typer": set[str](),
}


def sources(*folders: str) -> list[str]:
    """The Python files below ``folders``, relative to the repository."""
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path.relative_to(ROOT).as_posix() for path in files]


def tree(source: str) -> ast.Module:
    return ast.parse((ROOT / source).read_text(encoding="utf-8"))


PRODUCT = ["main.py", *sources("functions", "shared")]
ALL = [*PRODUCT, *sources("infra", "tests")]


@pytest.fixture(scope="module")
def topology() -> Topology:
    return load()


def test_imports_go_one_way() -> None:
    # In a process of its own: import-linter sets up logging for all that run in this one.
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, (
        f"{done.stdout}{done.stderr}\nMove what both sides need to shared/, or let them meet through a queue, "
        "a bucket or a document. The contracts are in pyproject.toml."
    )


def test_every_deployed_function_has_its_entry_point_in_main(topology: Topology) -> None:
    deployed = {function.entry_point for function in topology.functions.values()}
    assert deployed == set(main.ENTRY_POINTS), (
        f"Add to main.ENTRY_POINTS: {sorted(deployed - set(main.ENTRY_POINTS))}; "
        f"add to infra/topology.yaml (or drop): {sorted(set(main.ENTRY_POINTS) - deployed)}"
    )


def test_a_function_is_named_as_its_entry_point_in_kebab_case(topology: Topology) -> None:
    for name, function in topology.functions.items():
        assert function.entry_point == name.replace("-", "_"), (
            f"infra/topology.yaml: call {name}'s entry point {name.replace('-', '_')}"
        )


def test_a_function_is_in_the_room_that_the_topology_says(topology: Topology) -> None:
    for name, function in topology.functions.items():
        module = main.ENTRY_POINTS[function.entry_point]
        assert module.startswith(f"functions.{function.room}."), (
            f"infra/topology.yaml: {name} is said to be in room {function.room}, but main.py has {module}"
        )


@pytest.mark.parametrize("entry_point", main.ENTRY_POINTS)
def test_an_entry_point_is_an_asynchronous_function_of_the_framework(entry_point: str) -> None:
    assert inspect.iscoroutinefunction(getattr(main, entry_point)), f"make {entry_point} an 'async def'"
    assert entry_point in registry.ASGI_FUNCTIONS, (
        f"decorate {entry_point} with functions_framework.aio.http or .cloud_event"
    )


@pytest.mark.parametrize("module", sorted(set(main.ENTRY_POINTS.values())))
def test_a_cold_start_imports_what_it_uses_alone(module: str) -> None:
    """In a process of its own, which has imported nothing yet."""
    entry_point = next(name for name, home in main.ENTRY_POINTS.items() if home == module)
    program = f"import sys, main; main.{entry_point}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    imported = set(done.stdout.split())
    room = module.rpartition(".")[0]
    foreign = sorted(
        name for name in imported if re.match(r"functions\.\w", name) and not name.startswith(room)
    )
    assert not foreign, f"{module} imports another room: {foreign}"
    needless = sorted(name for name in imported & HEAVY.keys() if module not in HEAVY[name])
    assert not needless, (
        f"{module} imports {needless}: if that is for types, import below TYPE_CHECKING; if another entry point uses "
        "it, give that a module of its own; if this one really does, say so in HEAVY"
    )


def _reads_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv"):
            return True
        case ast.ImportFrom(module="os", names=names):
            return any(name.name in ("environ", "environb", "getenv") for name in names)
        case _:
            return False


def test_the_environment_is_read_in_one_place() -> None:
    found = [
        f"{source}:{getattr(node, 'lineno', 0)}"
        for source in set(PRODUCT) - READ_THE_ENVIRONMENT
        for node in ast.walk(tree(source))
        if _reads_environment(node)
    ]
    assert not found, f"take it from shared.settings, or a client from shared.clients, in {found}"


def test_a_function_does_not_know_whether_its_cloud_is_local() -> None:
    found = [
        source for source in sources("functions") if "emulator" in (ROOT / source).read_text("utf-8").lower()
    ]
    assert not found, f"only shared/clients.py knows where a service is: move that there from {found}"


def _queues() -> Iterator[tuple[str, Queue[object]]]:
    """Each queue's constant, as "module.NAME"."""
    for source in sources("functions", "shared"):
        module = importlib.import_module(source.removesuffix(".py").replace("/", "."))
        for name, value in vars(module).items():
            if isinstance(value, Queue) and f"{name} = Queue(" in inspect.getsource(module):
                yield f"{module.__name__}.{name}", value


def test_a_queue_in_the_code_is_the_queue_that_is_deployed(topology: Topology) -> None:
    for where, queue in _queues():
        deployed = topology.queues.get(queue.name)
        assert deployed, f"{where}: add queue {queue.name} to infra/topology.yaml"
        assert (queue.function, queue.max_attempts) == (deployed.target, deployed.max_attempts), (
            f"{where} says {queue.function}, {queue.max_attempts} attempts; infra/topology.yaml says "
            f"{deployed.target}, {deployed.max_attempts}: a handler that counts wrongly buries too early or never"
        )


def test_a_deployed_queue_is_in_the_code_once(topology: Topology) -> None:
    names = [queue.name for _, queue in _queues()]
    assert sorted(names) == sorted(topology.queues), (
        "one shared.tasks.Queue for each queue of infra/topology.yaml"
    )


def _enqueued(source: str, names: Mapping[str, str]) -> Iterator[str]:
    """The queues to which a file enqueues, of those in ``names``, which has them by their constants."""
    for node in ast.walk(tree(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="enqueue"), args=[constant, *_]):
                # Otherwise it is an argument of the method that it is in: see the next case.
                if (name := ast.unparse(constant)) in names:
                    yield names[name]
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="self")), args=[*_, ast.Name(id=constant)]
            ) if constant in names:
                yield names[constant]
            case ast.Call(func=ast.Attribute(attr="put_back")):
                # What can be put back on one queue can be on any.
                yield from names.values()
            case ast.ImportFrom(module="shared.outbox", names=imported):
                if {"enqueue", "publish"} & {name.name for name in imported}:
                    yield names["SUPPLY_CHAIN_SYNC"]
            case ast.ImportFrom(module="shared.storefronts", names=imported):
                if any(name.name == "RebuildRequests" for name in imported):
                    yield names["STOREFRONT_REBUILD"]
            case ast.ImportFrom(module="shared.jobs.queues", names=imported):
                # Whoever works on a queue of jobs puts the next step on it.
                yield from (names[name.name] for name in imported if name.name in names)
            case ast.Call(func=ast.Name(id="publish_images"), args=[_, constant, *_]):
                yield names[ast.unparse(constant)]


def test_the_queues_that_a_room_enqueues_to_are_declared(topology: Topology) -> None:
    """By room, since which function reaches a line is not to be seen in the text; the right to enqueue follows it."""
    names = {where.rpartition(".")[2]: queue.name for where, queue in _queues()}
    for room in {function.room for function in topology.functions.values()}:
        used = {queue for source in sources(f"functions/{room}") for queue in _enqueued(source, names)}
        functions = [function for function in topology.functions.values() if function.room == room]
        declared = {queue for function in functions for queue in function.enqueues}
        assert used == declared, (
            f"room {room} enqueues to {sorted(used)}, but its functions' 'enqueues' in infra/topology.yaml "
            f"are {sorted(declared)}: declare it with the function that does it, or drop it"
        )


def test_a_task_outlives_the_attempt_at_it(topology: Topology) -> None:
    for name, function in topology.functions.items():
        if function.access == "tasks":
            assert function.timeout < DISPATCH_DEADLINE.total_seconds(), (
                f"{name}: at {function.timeout} s its queue would begin the next attempt during this one"
            )


def test_a_file_can_be_read_in_one_sitting() -> None:
    lengths = {source: (ROOT / source).read_text("utf-8").count("\n") for source in ALL}
    long = {source: lines for source, lines in lengths.items() if lines >= MAX_FILE_LINES}
    assert not long, f"give one of its reasons to change a file of its own: {long}"


def test_a_function_fits_on_a_screen() -> None:
    long = {
        f"{source}: {node.name}": lines
        for source in PRODUCT
        for node in ast.walk(tree(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) >= MAX_FUNCTION_LINES
    }
    assert not long, f"find the part that deserves a name of its own: {long}"


def test_what_is_public_is_explained() -> None:
    bare = [
        f"{source}: {node.name}"
        for source in PRODUCT
        for node in tree(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare, f"write docstrings: {bare}"
