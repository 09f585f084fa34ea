"""What a month costs: the document says what the model computes, and the model counts what runs."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from docs.costs.__main__ import DOCUMENT
from docs.costs.counting import LocalCloud, counts
from docs.costs.model import Call, Model, Price, Variant, load, runs_a_month
from docs.costs.tables import render
from infra import topology
from tests.e2e.harness import local_cloud

PAGE = "https://prices.example"
# Of what 20 stores take together: what a run costs besides is shared by 1,000.
TOLERANCE = 0.25


@pytest.fixture(scope="module")
def model() -> Model:
    return load(topology.load())


def price(usd: str, per: int = 1, free: int = 0) -> Price:
    return Price(
        what="things", unit="thing", usd=Decimal(usd), per=per, free=Decimal(free), url=PAGE, seen="page"
    )


def test_the_document_has_the_tables_of_the_model(model: Model) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert render(text, model) == text, "make costs brings docs/costs.md up to date"


def test_a_table_that_is_not_there_is_refused(model: Model) -> None:
    with pytest.raises(KeyError, match="weather"):
        render("<!-- costs: weather -->\n<!-- end -->", model)


def test_the_rooms_and_the_services_come_to_the_total(model: Model) -> None:
    for bill in (model.idle(), model.busy()):
        assert sum(bill.in_room(room).total for room in bill.rooms) == bill.total
        assert sum(bill.of(each).total for each in bill.prices) == bill.total
        assert bill.due == bill.total - bill.free


def test_an_amount_is_units_times_what_each_takes_times_the_price() -> None:
    assert price("0.03", per=100_000).amount(2_882 * 2_448) == Decimal("2.12")


def test_half_a_cent_is_a_cent() -> None:
    assert [price("0.01").amount(count) for count in (0.49, 0.5, 1.5)] == [
        Decimal("0.00"),
        Decimal("0.01"),
        Decimal("0.02"),
    ]


def test_bytes_are_billed_in_powers_of_two(model: Model) -> None:
    sizes = {key: each.per for key, each in model.prices.prices.items() if each.unit == "byte"}
    assert sizes, "nothing is billed in bytes?"
    assert {key: size for key, size in sizes.items() if size not in (2**30, 2**40)} == {}


def test_free_tiers_take_off_no_more_than_there_is(model: Model) -> None:
    for bill in (model.idle(), model.busy()):
        for each in bill.prices:
            assert 0 <= bill.free_of(each) <= bill.of(each).total


def test_what_stays_below_its_free_tier_costs_nothing(model: Model) -> None:
    idle = model.idle()
    below = [each for each in idle.prices if idle.of(each).quantity <= each.free]
    assert below
    assert all(idle.free_of(each) == idle.of(each).total for each in below)


def test_more_of_any_work_never_costs_less(model: Model) -> None:
    busy = model.busy()
    for name, units in model.workload.busy.items():
        more = model.variant(Variant(what="twice", units={name: 2 * units}))
        assert more.total > busy.total, name
        assert more.due >= busy.due, name


def test_longer_waits_never_cost_less(model: Model) -> None:
    dues = [model.variant(Variant(what="slow", waits=waits)).due for waits in (0.5, 1, 2)]
    assert dues == sorted(dues)
    assert dues[1] == model.busy().due


def test_an_instance_is_billed_in_steps_of_100_milliseconds() -> None:
    calls = [Call(cpu_ms=1.3, wait_ms=10), Call(times=2, cpu_ms=100, wait_ms=1), Call(cpu_ms=100, wait_ms=0)]
    assert [call.billed_seconds for call in calls] == [0.1, 0.4, 0.1]


def test_a_schedule_runs_so_often_in_30_days() -> None:
    assert [runs_a_month(cron) for cron in ("*/5 * * * *", "*/15 * * * *", "30 3 * * *")] == [
        8_640,
        2_880,
        30,
    ]


def test_a_schedule_that_is_not_daily_has_to_be_counted_by_hand() -> None:
    with pytest.raises(ValueError, match="days differ"):
        runs_a_month("0 3 * * 1")


def test_every_schedule_is_priced(model: Model) -> None:
    assert set(model.topology.schedules) <= set(model.workload.works)


def test_what_is_deployed_is_what_the_topology_has(model: Model) -> None:
    functions = model.topology.functions.values()
    uses = model.workload.works["deployed"].uses
    assert uses["scheduler"] == len(model.topology.schedules)
    assert uses["secrets"] == len({secret for function in functions for secret in function.secrets})
    assert uses["registry"] == pytest.approx(0.15 * len(functions))
    assert uses["builds"] == 3 * len(functions)


def test_work_is_done_by_functions_of_its_room(model: Model) -> None:
    for name, work in model.workload.works.items():
        rooms = {model.topology.functions[function].room for function in work.calls}
        assert rooms <= {work.room}, name


def test_a_price_that_was_assumed_is_said_to_be(model: Model) -> None:
    assumed = [each.what for each in model.prices.prices.values() if each.seen == "assumed"]
    shown = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"| {what} |" in shown for what in assumed)
    assert shown.count("**assumed**") == len(assumed)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, float]]:
    data = Path(tmp_path_factory.mktemp("costs") / "local")
    with local_cloud(data) as cloud:
        return dict(counts(LocalCloud(cloud.base_url, data / "functions.log")))


def _taken(model: Model, units: Mapping[str, float]) -> Mapping[str, float]:
    """What so much work takes by the workload, by meter."""
    taken: defaultdict[str, float] = defaultdict(float)
    for line in model.bill(units).lines:
        taken[line.meter] += line.quantity
    return taken


def _tasks(took: Mapping[str, float]) -> float:
    return sum(count for name, count in took.items() if name.startswith("tasks."))


@pytest.mark.long
def test_what_the_schedules_take_is_what_a_local_cloud_counts(
    model: Model, counted: Mapping[str, Mapping[str, float]]
) -> None:
    for job in model.topology.schedules:
        taken = _taken(model, {job: 1})
        assert taken["firestore_reads"] == counted[job].get("reads", 0), job
        assert taken["firestore_writes"] == counted[job].get("writes", 0), job
        assert taken["tasks"] == 2 * _tasks(counted[job]), job


@pytest.mark.long
@pytest.mark.parametrize(
    ("units", "names"),
    [
        ({"returns_batch": 1}, ["returns batch"]),
        ({"product_created": 1, "delivery": 5, "image": 4}, ["product with four images"]),
        ({"product_read": 1}, ["product read, not cached"]),
        (
            {"store_fed": 1, "store_rebuilt": 2, "nightly_tasks": 1},
            ["store fed", "store rebuilt in the night"],
        ),
        ({"main_page": 1}, ["main page read"]),
        ({"returns_audited": 1}, ["returns audited"]),
        ({"products_audited": 1}, ["products audited"]),
        ({"images_audited": 1}, ["images audited"]),
    ],
)
def test_what_work_takes_is_what_a_local_cloud_counts(
    model: Model,
    counted: Mapping[str, Mapping[str, float]],
    units: Mapping[str, float],
    names: list[str],
) -> None:
    taken = _taken(model, units)
    took: Counter[str] = sum((Counter(counted[name]) for name in names), Counter())
    for meter, counter in {
        "firestore_reads": "reads",
        "firestore_writes": "writes",
        "firestore_deletes": "deletes",
    }.items():
        assert taken[meter] == pytest.approx(took[counter], rel=TOLERANCE), counter
    assert taken["tasks"] == pytest.approx(2 * _tasks(took), rel=TOLERANCE)


@pytest.mark.long
def test_requests_to_buckets_are_what_a_local_cloud_counts(
    model: Model, counted: Mapping[str, Mapping[str, float]]
) -> None:
    taken = _taken(model, {"image": 4})
    notifications = 4
    requests = taken["storage_writes"] + taken["storage_reads"] - notifications
    assert requests == counted["product with four images"]["storage"]
