"""Servers side by side: the same work for each of them, one after another, round after round."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.catalog import Catalog, request
from tests.benchmarks.load import Generator, Job, Load
from tests.benchmarks.serving import Server
from tests.benchmarks.system import System

CACHED = "product, cached"
PLAIN = "1 KB, nothing to do"
UNCHANGED = "product, 304"


@dataclass(frozen=True)
class Work:
    """Requests of one kind.

    Attributes:
        primer: sent once before anything is measured.
        seconds: how long the requests are sent, over and over; ``None``: each once.
        reads, writes: what each answer of our catalog is to cost in Firestore, in billed operations.
    """

    name: str
    requests: Callable[[Catalog], list[bytes]]
    status: int = 200
    primer: Callable[[Catalog], list[bytes]] | None = None
    seconds: float | None = None
    reads: int = 0
    writes: int = 0


# A hundred products for each work that wants them cached, so that they are cached when it begins, and no sooner: what
# one process caches for itself soon lapses.
WARM_UP, _CACHED, _UNCHANGED, _NEW_TOKENS = (slice(start, start + 100) for start in range(0, 400, 100))
_COLD = slice(400, None)


def works(seconds: float) -> list[Work]:
    """What is asked of a catalog of more than 400 products."""
    return [
        Work("product, cold", lambda catalog: catalog.read(_COLD), reads=1),
        Work(
            CACHED,
            lambda catalog: catalog.read(_CACHED),
            primer=lambda catalog: catalog.read(_CACHED),
            seconds=seconds,
        ),
        Work(PLAIN, lambda _: [request("GET", "/")], seconds=seconds),
        Work(
            UNCHANGED,
            lambda catalog: catalog.ask_whether_changed(_UNCHANGED),
            status=304,
            primer=lambda catalog: catalog.read(_UNCHANGED),
            seconds=seconds,
        ),
        Work(
            "product, cached, new token",
            lambda catalog: catalog.read_with_new_tokens(_NEW_TOKENS),
            primer=lambda catalog: catalog.read(_NEW_TOKENS),
        ),
        Work("list of 100", Catalog.page, seconds=seconds, reads=101),
        Work("new product", Catalog.create, status=201, seconds=seconds, writes=2),
    ]


@dataclass(frozen=True)
class Outcome:
    """How one server did one work, once.

    ``cpu``: microseconds of the server's CPU an answer. ``reads``, ``writes``: what Firestore counted meanwhile, an
    answer.
    """

    work: str
    server: str
    load: Load
    cpu: float
    reads: float
    writes: float


async def measure(
    work: Work, server: Server, catalog: Catalog, generator: Generator, system: System
) -> Outcome:
    """Let ``server`` do ``work``."""
    if work.primer:
        await generator.run(Job(server.port, work.primer(catalog)))
    async with system.measured() as spans:
        began = server.cpu
        load = await generator.run(Job(server.port, work.requests(catalog), work.status, work.seconds))
        cpu = server.cpu - began
    reads, writes = (spans[0].counts[name] / load.answers for name in ("reads", "writes"))
    return Outcome(work.name, server.name, load, cpu / load.answers * 1e6, reads, writes)
