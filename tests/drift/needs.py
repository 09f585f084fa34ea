"""What each function needs of the cloud, seen in its text, against what ``infra/topology.yaml`` gives it."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from infra.topology import Function, Topology
from shared.settings import Settings
from tests.drift.reach import Definition, Module, Name, Product

_BUCKETS = {
    Name("shared.clients", f"{bucket}_bucket"): bucket
    for bucket in ("uploads", "images", "feeds", "workspace")
}
_SIGNER = Name("shared.clients", "signer")
_CACHE = Name("shared.clients", "redis")
# As the settings hide them. The Redis has its address from Terraform, not from a person.
_SECRETS = {name for name, field in Settings.model_fields.items() if not field.repr} - {"redis_url"}

_OURS = ("functions.", "shared.")
_MAKES_QUEUE = re.compile(r"(\w+\.)*Queue(\[.*\])?", re.DOTALL)
_READS = {"get_blob", "reload", "download_as_bytes", "objects"}
_ADDS = {"upload_from_string"}
_CHANGES = {"delete", "rewrite", "patch", "compose"}


@dataclass(frozen=True)
class Needs:
    """In the topology's own terms."""

    enqueues: frozenset[str]
    secrets: frozenset[str]
    buckets: frozenset[str]
    signs_links: bool
    caches: bool

    @classmethod
    def given(cls, function: Function) -> "Needs":
        """What the topology gives a function."""
        return cls(
            frozenset(function.enqueues),
            frozenset(function.secrets),
            frozenset(function.buckets),
            function.signs_links,
            function.caches,
        )


@cache
def needed(product: Product, start: Name, own_queues: frozenset[str], given: Needs) -> Needs:
    """What an entry point needs.

    Args:
        own_queues: those whose tasks it works on, which it knows anyway: what is given is believed of them.
    """
    reached = product.reached(start)
    used = product.attributes(reached)
    # What can be put back on one queue can be on any.
    known = frozenset(_every_queue(product)) if "put_back" in used else queues(product, start)
    return Needs(
        enqueues=known - own_queues | given.enqueues & own_queues,
        secrets=frozenset(name.upper() for name in _SECRETS & used),
        buckets=frozenset(bucket for name, bucket in _BUCKETS.items() if name in reached),
        signs_links=_SIGNER in reached,
        caches=_CACHE in reached,
    )


def queues(product: Product, start: Name) -> frozenset[str]:
    """The queues that an entry point knows."""
    return frozenset(filter(None, map(_queue, product.reached(start).values())))


def drift(
    product: Product, topology: Topology, entry_points: Mapping[str, str], aspect: str
) -> Iterator[str]:
    """The functions that are not given what they need, or more, as lines that say what to do.

    Args:
        entry_points: the module of each, as in ``main.py``.
        aspect: a field of :class:`Needs`.
    """
    for name, function in topology.functions.items():
        if function.entry_point not in entry_points:
            yield f"{name}: main.py has no entry point {function.entry_point}"
            continue
        start = Name(entry_points[function.entry_point], function.entry_point)
        own = frozenset(each for each, queue in topology.queues.items() if queue.target == name)
        given = Needs.given(function)
        wanted = needed(product, start, own, given)
        if getattr(wanted, aspect) != getattr(given, aspect):
            yield (
                f"{name}: {aspect} in infra/topology.yaml is {_shown(getattr(given, aspect))}, "
                f"but its code needs {_shown(getattr(wanted, aspect))}"
            )


def unread(product: Product) -> Iterator[str]:
    """What is not written in the way in which it is looked for here, as lines that say what to do."""
    for module in _every_module(product):
        assigned = (each for each in module.definitions.values() if isinstance(each, ast.Assign))
        queues = [each.value for each in assigned if _queue(each)]
        for node in ast.walk(module.tree):
            match node:
                case ast.Import(names=names) if any(each.name.startswith(_OURS) for each in names):
                    yield f"{module.name}:{node.lineno}: write 'from … import …', which is followed"
                case ast.ImportFrom(level=level) if level:
                    yield f"{module.name}:{node.lineno}: name the module in full, which is followed"
                case ast.Call(func=func) if _MAKES_QUEUE.fullmatch(ast.unparse(func)) and node not in queues:
                    yield f'{module.name}:{node.lineno}: write NAME = Queue("name", …) at the top, which is read'


def bucket_drift(product: Product, topology: Topology) -> Iterator[str]:
    """Rooms that do more or less to the objects of a bucket than they may."""
    for room in sorted({function.room for function in topology.functions.values()}):
        used, given = bucket_access(product, room), _given_access(topology, room)
        for bucket in sorted(used.keys() | given.keys()):
            if used.get(bucket) != given.get(bucket):
                yield f"{room}: may {given.get(bucket)} in {bucket} by infra/topology.yaml, does {used.get(bucket)}"


def bucket_access(product: Product, room: str) -> dict[str, str]:
    """What a room does in each bucket: ``read``, ``create`` or ``write``, which is both, and all else."""
    done: dict[str, set[str]] = {}
    for bucket, wrapper in _wrappers(product, room):
        own = {
            name: each
            for name, each in product.reached(wrapper).items()
            if name.module.startswith("functions.")
        }
        done.setdefault(bucket, set()).update(action for each in own.values() for action in _actions(each))
    return {bucket: _access(actions) for bucket, actions in done.items()}


def _given_access(topology: Topology, room: str) -> dict[str, str]:
    """An account is its room's: where one function reads and another creates, it writes."""
    needs: dict[str, set[str]] = {}
    for function in topology.functions.values():
        for bucket, need in function.buckets.items() if function.room == room else ():
            needs.setdefault(bucket, set()).add(need)
    return {bucket: _access(each) for bucket, each in needs.items()}


def _access(actions: set[str]) -> str:
    return next(iter(actions)) if len(actions) == 1 else "write"


@cache
def _wrappers(product: Product, room: str) -> frozenset[tuple[str, Name]]:
    """Each bucket of a room with the class that it is given to."""
    found = set()
    for module in product.modules(f"functions.{room}"):
        for definition in module.definitions.values():
            held = _held(definition)
            for call in ast.walk(definition):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args:
                    first = call.args[0]
                    bucket = held.get(first.id, "") if isinstance(first, ast.Name) else _bucket(first)
                    if bucket:
                        found.add((bucket, module.imports.get(call.func.id, Name(module.name, call.func.id))))
    return frozenset(found)


def _held(definition: Definition) -> dict[str, str]:
    """The variables of a definition that hold a bucket."""
    return {
        target.id: bucket
        for node in ast.walk(definition)
        if isinstance(node, ast.Assign) and (bucket := _bucket(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _bucket(node: ast.expr) -> str:
    """The bucket that ``clients.X_bucket`` names, called or not."""
    called = node.func if isinstance(node, ast.Call) else node
    return _BUCKETS.get(Name("shared.clients", called.attr), "") if isinstance(called, ast.Attribute) else ""


def _actions(definition: Definition) -> Iterator[str]:
    """What the text of a wrapper does with objects. Without a condition, to add is to overwrite."""
    for node in ast.walk(definition):
        match node:
            case ast.Attribute(attr=attr) if attr in _READS:
                yield "read"
            case ast.Attribute(attr=attr) if attr in _CHANGES:
                yield "write"
            case ast.Call(args=[ast.Attribute(attr=attr), *_], keywords=keywords) if attr in _ADDS:
                yield "create" if any(each.arg == "if_generation_match" for each in keywords) else "write"
            # A stream has no condition, and a link to upload can be used twice.
            case ast.Constant(value="wb" | "PUT"):
                yield "write"
            case ast.Constant(value="GET"):
                yield "read"


def _queue(definition: Definition) -> str:
    """The queue that a constant is; empty for all else."""
    match definition:
        case ast.Assign(value=ast.Call(func=ast.Name(id="Queue"), args=[ast.Constant(value=str(name)), *_])):
            return name
        case _:
            return ""


def _every_module(product: Product) -> Iterator[Module]:
    yield from product.modules("functions")
    yield from product.modules("shared")


def _every_queue(product: Product) -> Iterator[str]:
    for module in _every_module(product):
        yield from filter(None, map(_queue, module.definitions.values()))


def _shown(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value
