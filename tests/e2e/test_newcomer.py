"""What a newcomer sees on the first start, and that what it offers to paste works."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.demo.feeds import BAD_LINES, morning_feed, noon_feed
from infra.local.demo.groceries import load_groceries
from infra.local.demo.returns import demo_returns
from infra.local.demo.shops import load_market
from tests.e2e.harness import LocalCloud, local_cloud


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The first start, with the demo."""
    with local_cloud(tmp_path_factory.mktemp("data") / "local", SEED="demo") as cloud:
        yield cloud


def test_it_tells_what_happened(newcomer: LocalCloud) -> None:
    assert "2,400 returns of 6 shops" in newcomer.text
    assert "(2,400 created)" in newcomer.text
    assert "2,400 index operations" in newcomer.text
    assert "RET-" in newcomer.text
    assert "products of 6 sellers" in newcomer.text
    assert "20 storefronts were built" in newcomer.text
    assert "the other 17 were not touched" in newcomer.text


def test_the_index_holds_every_return_that_is_not_cancelled(newcomer: LocalCloud) -> None:
    now = datetime.now(UTC)
    listed = [entry for entry in demo_returns(now.date()) if _status(entry, now) != "cancelled"]
    found = newcomer.http.get("/search-order-return-index-data", headers=newcomer.token("ops"))
    assert found.raise_for_status().json()["total"] == len(listed)


def _status(entry: dict[str, str], now: datetime) -> str:
    changes_at = entry.get("next_status_at")
    changed = changes_at is not None and datetime.fromisoformat(changes_at) <= now
    return entry["next_status"] if changed else entry["status"]


def test_every_store_has_a_storefront(newcomer: LocalCloud) -> None:
    for store in [store for grocer in load_groceries().grocers for store in grocer.stores]:
        page = newcomer.http.get(f"/storefront/{store}").raise_for_status().json()
        assert len(page["categories"]) == 6
        assert all(top["best"] for top in page["categories"])


def test_a_storefront_leads_from_its_main_page_down_to_the_third_level(newcomer: LocalCloud) -> None:
    tree = newcomer.http.get("/storefront/leith/tree").raise_for_status().json()
    assert "garden" not in json.dumps(tree)
    levels = 0
    below = tree["categories"]
    while below:
        levels += 1
        shown = newcomer.http.get(f"/storefront/leith/categories/{below[0]['id']}").raise_for_status().json()
        assert (shown["name"], shown["products"]) == (below[0]["name"], below[0]["products"])
        below = below[0]["children"]
    assert levels == 3


def test_a_feed_that_changes_little_wrote_and_rebuilt_little(newcomer: LocalCloud) -> None:
    grocer = load_groceries().grocers[0]
    feed = noon_feed(grocer)
    runs = newcomer.http.get("/price-runs", headers=newcomer.token("retailer", account=grocer.account))
    run = next(run for run in runs.raise_for_status().json()["runs"] if run["feed"] == feed.name)
    assert (run["status"], run["good"], run["stores"]) == ("done", len(feed.items), len(grocer.stores))
    assert (run["totals"]["items_changed"], run["totals"]["pages_written"]) == (len(feed.items) // 100, 3)
    generations = {store: _generation(newcomer, store) for store in grocer.stores[1:]}
    assert generations == {store: 2 if store in ("torino", "genova") else 1 for store in grocer.stores[1:]}


def _generation(newcomer: LocalCloud, store: str) -> int:
    generation: int = newcomer.http.get(f"/storefront/{store}").raise_for_status().json()["generation"]
    return generation


def test_bad_lines_are_reported_beside_their_feed(newcomer: LocalCloud) -> None:
    grocer = load_groceries().grocers[1]
    feed = morning_feed(grocer)
    runs = newcomer.http.get("/price-runs", headers=newcomer.token("retailer", account=grocer.account))
    (run,) = runs.raise_for_status().json()["runs"]
    assert (run["status"], run["good"], run["bad"]) == ("done", len(feed.items), BAD_LINES)
    report = newcomer.http.get(f"/_local/{run['report']}").raise_for_status()
    lines = [json.loads(line) for line in report.text.splitlines()]
    first = len(feed.items) + 1
    assert [line["line"] for line in lines] == list(range(first, first + BAD_LINES))
    assert [line["column"] for line in lines] == ["price", "currency", "price", "name", "available", None]
    assert all(line["reason"] for line in lines)


def test_every_command_that_it_prints_works_when_pasted(newcomer: LocalCloud, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    commands = [line.strip() for line in newcomer.output if line.startswith("  ") and "curl" in line]
    assert len(commands) == 17
    strict = 'curl() { command curl --fail-with-body "$@" && echo; }'
    script = "\n".join(("set -eu", strict, *commands))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert answers[0]["hits"]
    assert answers[1]["return_id"] == "RET-000001"
    assert "boots" in answers[2]["products"][0]["product_name"]
    assert len(answers[3]["images"]) == 2
    assert answers[4]["products"][0]["product_name"] == "Gas lantern"
    assert answers[5]["categories"]
    assert answers[6]["name"] == "Coffee"
    assert answers[9]["object"] == "feeds/casa-verde/evening.csv"
    assert answers[10]["dead_letters"] == []
    assert len(answers) == len(commands) - 2  # two keep their answers, in TOKEN and SELLER


def test_the_supply_chain_api_has_every_product(newcomer: LocalCloud) -> None:
    newcomer.http.post("/_local/idle").raise_for_status()
    delivered = newcomer.http.get("/_local/supply-chain/products").raise_for_status().json()["products"]
    demo = [each for each in delivered if each["product"]["product_name"] != "Gas lantern"]
    assert len(demo) == sum(len(shop.products) for shop in load_market().shops)


def test_the_pictures_of_the_demo_are_made_smaller(newcomer: LocalCloud) -> None:
    newcomer.http.post("/_local/idle").raise_for_status()
    sellers = [shop.account for shop in load_market().shops]
    lists = [newcomer.http.get("/products", headers=newcomer.token("seller", sub=sub)) for sub in sellers]
    products = [product for found in lists for product in found.raise_for_status().json()["products"]]
    compressed = [url for product in products for url in product["compressed_product_images"]]
    assert len(compressed) >= len(sellers)
    for url in compressed:
        assert newcomer.http.get(url).raise_for_status().headers["Content-Type"] == "image/webp"


def test_the_next_start_loads_nothing_again(newcomer: LocalCloud) -> None:
    assert newcomer.stop() == 0
    again = newcomer.restarted()
    try:
        again.wait_for("ready")
        assert "Demo:" not in again.text
        assert again.http.get("/returns/RET-000001", headers=again.token("ops")).status_code == 200
    finally:
        again.stop()
