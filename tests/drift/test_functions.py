"""What the code enqueues, listens to and touches is exactly what the topology gives it; and these tests would tell."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import main
from infra.topology import Function, Topology, load
from shared.events import FINALIZED
from tests.drift.needs import Needs, bucket_access, bucket_drift, drift, needed, queues, unread
from tests.drift.reach import Name, Product

PRODUCT = Product(Path(main.__file__).parent)
TOPOLOGY = load()
ASPECTS = [field.name for field in fields(Needs)]


def start(function: Function) -> Name:
    return Name(main.ENTRY_POINTS[function.entry_point], function.entry_point)


def lines(found: Iterable[str]) -> str:
    return "\n".join(found)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_function_is_given_what_its_code_needs_and_no_more(aspect: str) -> None:
    found = lines(drift(PRODUCT, TOPOLOGY, main.ENTRY_POINTS, aspect))
    assert not found, found


def test_a_room_may_do_in_a_bucket_what_its_code_does_there() -> None:
    found = lines(bucket_drift(PRODUCT, TOPOLOGY))
    assert not found, found


def test_the_code_is_written_as_it_is_read_here() -> None:
    found = lines(unread(PRODUCT))
    assert not found, found


@pytest.mark.parametrize(
    ("access", "callers"),
    [("tasks", TOPOLOGY.queues), ("scheduler", TOPOLOGY.schedules), ("events", TOPOLOGY.triggers)],
)
def test_what_only_the_platform_may_call_is_called_by_it(access: str, callers: dict[str, Any]) -> None:
    waiting = {name for name, function in TOPOLOGY.functions.items() if function.access == access}
    called = [caller.target for caller in callers.values()]
    assert sorted(called) == sorted(waiting), f"each function with access {access} has one that calls it"


def test_a_queues_target_works_on_its_tasks() -> None:
    for name, queue in TOPOLOGY.queues.items():
        known = queues(PRODUCT, start(TOPOLOGY.functions[queue.target]))
        assert name in known, f"{queue.target} knows nothing of {name}"


def test_a_trigger_brings_the_events_that_its_function_takes_of_a_bucket_that_it_opens() -> None:
    for name, trigger in TOPOLOGY.triggers.items():
        function = TOPOLOGY.functions[trigger.target]
        assert trigger.bucket in function.buckets, f"{name}: {trigger.target} never opens {trigger.bucket}"
        assert Name("shared.events", "FinalizedHandler") in PRODUCT.reached(start(function)), (
            f"{name}: {trigger.target} takes no events"
        )
        assert trigger.event_type == FINALIZED, f"{name}: {trigger.target} takes {FINALIZED} only"


# From here on: mistakes that the tests above would find.


def changed(function: str, **fields: Any) -> Topology:
    """The topology with one function otherwise."""
    other = TOPOLOGY.functions[function].model_copy(update=fields)
    return TOPOLOGY.model_copy(update={"functions": {**TOPOLOGY.functions, function: other}})


@pytest.mark.parametrize(
    ("function", "aspect", "fields"),
    [
        ("returns-cron", "enqueues", {"enqueues": ()}),
        ("remove-image", "enqueues", {"enqueues": ("imageFetch",)}),
        ("ops", "enqueues", {"enqueues": ("supplyChainSync",)}),
        ("supply-chain-sync", "secrets", {"secrets": ()}),
        ("return-update-processing-queue", "secrets", {"secrets": ("ALGOLIA_API_KEY", "ALGOLIA_SEARCH_KEY")}),
        ("update-prices", "buckets", {"buckets": {}}),
        ("price-runs", "buckets", {"buckets": {"workspace": "read"}}),
        ("products", "signs_links", {"signs_links": False}),
        ("image-sweeper", "caches", {"caches": False}),
        ("storefront", "caches", {"caches": True}),
    ],
)
def test_a_need_that_is_forgotten_or_made_up_is_found(
    function: str, aspect: str, fields: dict[str, Any]
) -> None:
    (found,) = drift(PRODUCT, changed(function, **fields), main.ENTRY_POINTS, aspect)
    assert found.startswith(f"{function}: {aspect} in infra/topology.yaml is ")


def test_an_entry_point_that_is_missing_is_found() -> None:
    without = {name: module for name, module in main.ENTRY_POINTS.items() if name != "ops"}
    assert list(drift(PRODUCT, TOPOLOGY, without, "enqueues")) == ["ops: main.py has no entry point ops"]


@pytest.mark.parametrize("need", ["read", "create"])
def test_a_narrower_access_than_the_code_has_is_found(need: str) -> None:
    topology = changed("products", buckets={"uploads": need})
    assert list(bucket_drift(PRODUCT, topology)) == [
        f"products: may {need} in uploads by infra/topology.yaml, does write"
    ]


def test_a_bucket_of_which_the_code_knows_nothing_is_found() -> None:
    (found,) = bucket_drift(PRODUCT, changed("returns", buckets={"feeds": "read"}))
    assert found == "returns: may read in feeds by infra/topology.yaml, does None"


# From here on: how the text is read, on a product of a few lines.

CODE = {
    "shared/clients.py": "def uploads_bucket(): ...\ndef signer(): ...\ndef redis(): ...\n",
    "shared/cache.py": "from shared import clients\ndef kept(): return clients.redis()\n",
    "functions/shop/parts.py": """
from shared import clients
from functions.shop.store import Reader as Shelf
def shelf():
    bucket = clients.uploads_bucket()
    return Shelf(bucket)
""",
    "functions/shop/store.py": """
class Base:
    def look(self): return self.calls.call(self.bucket.get_blob, "x")
class Reader(Base):
    def url(self): return "x"
""",
    "functions/shop/main.py": """
from functions.shop import parts
from shared.cache import kept
def look(request: kept): return Looker().look()
class Looker:
    def look(self): return parts.shelf()
def keep(request):
    from shared.clients import signer
    return kept(), signer
def none(request): return config.algolia_api_key
""",
}
NOTHING = Needs(frozenset(), frozenset(), frozenset(), signs_links=False, caches=False)


@pytest.fixture
def shop(tmp_path: Path) -> Product:
    for name, text in CODE.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Product(tmp_path)


def of_shop(shop: Product, entry_point: str) -> Needs:
    return needed(shop, Name("functions.shop.main", entry_point), frozenset(), NOTHING)


def test_a_bucket_is_reached_through_classes_and_modules_and_not_through_annotations(shop: Product) -> None:
    assert of_shop(shop, "look") == Needs(
        frozenset(), frozenset(), frozenset({"uploads"}), signs_links=False, caches=False
    )


def test_what_is_imported_within_a_function_is_reached(shop: Product) -> None:
    assert of_shop(shop, "keep") == Needs(
        frozenset(), frozenset(), frozenset(), signs_links=True, caches=True
    )


def test_a_secret_is_reached_by_its_setting(shop: Product) -> None:
    assert of_shop(shop, "none").secrets == {"ALGOLIA_API_KEY"}


@pytest.mark.parametrize(
    "line",
    [
        "import shared.clients",
        "import shared.clients as c",
        "from . import parts",
        "MORE: Queue[Task] = Queue('more', 'work', Task)",
        "MORE = Queue[Task]('more', 'work', Task)",
        "MORE = tasks.Queue('more', 'work', Task)",
        "MORE = Queue(name='more', function='work', payload=Task)",
        "MORE = Queue(NAME, 'work', Task)",
        "def enqueue(): return Queue('more', 'work', Task)",
    ],
)
def test_what_would_not_be_read_is_found(shop: Product, line: str) -> None:
    assert list(unread(shop)) == []
    (shop.root / "functions/shop/more.py").write_text(f"LESS = Queue('less', 'work', Task)\n{line}\n")
    (found,) = unread(shop)
    assert found.startswith("functions.shop.more:2: ")


def test_what_a_base_class_does_with_objects_counts(shop: Product) -> None:
    assert bucket_access(shop, "shop") == {"uploads": "read"}


@pytest.mark.parametrize(
    ("line", "access"),
    [
        ("self.calls.call(blob.upload_from_string, data, if_generation_match=0)", "create"),
        ("self.calls.call(blob.upload_from_string, data)", "write"),
        ("self.calls.call(blob.open, 'wb')", "write"),
        ("blob.delete()", "write"),
        ("self.sign('GET')", "read"),
        ("self.sign('PUT')", "write"),
        (
            "(self.calls.objects('name'), self.calls.call(blob.upload_from_string, if_generation_match=0))",
            "write",
        ),
    ],
)
def test_what_is_done_with_objects_is_seen(shop: Product, line: str, access: str) -> None:
    (shop.root / "functions/shop/store.py").write_text(f"class Reader:\n    def do(self): return {line}\n")
    assert bucket_access(shop, "shop") == {"uploads": access}
