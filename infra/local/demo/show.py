"""What a person reads at the terminal about the demo."""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.demo.load import CatalogReport, LoadReport, SearchReport, SyncReport
from infra.local.demo.show_storefronts import storefront_commands

_SELLER = "nordlicht-outdoor"


def describe_load(report: LoadReport) -> str:
    """What came in."""
    loaded = sum(report.outcomes.values())
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    return (
        f"Demo: {loaded:,} returns of {report.accounts} shops came in by POST /returns/batch\n"
        f"      ({outcomes}) in {report.seconds:.1f} s."
    )


def describe_catalog(report: CatalogReport) -> str:
    """The catalog that came in."""
    return (
        f"Demo: {report.products} products of {report.sellers} sellers came in by POST /products in "
        f"{report.seconds:.1f} s, and go on\n"
        "      to the supply-chain API; their pictures are being fetched and made smaller."
    )


def describe_sync(report: SyncReport) -> str:
    """What the sync did."""
    operations, requests = report.algolia["index_operations"], report.algolia["write_requests"]
    left = f" {report.tasks_left} task(s) still wait in the queues." if report.tasks_left else ""
    return (
        f"returnsUpdateCron ran: {operations:,} index operations in {requests} write requests to Algolia,\n"
        f"      {report.seconds:.1f} s from the cron to the last push.{left}"
    )


def describe_search(report: SearchReport) -> str:
    """One search and the first of what it finds."""
    found = report.found
    lines = [
        f"A search for “{report.query}” finds {found['total']} returns in {found['took_ms']} ms, such as"
    ]
    return "\n".join([*lines, *(f"      {_hit(hit)}" for hit in found["hits"])])


def _hit(hit: Mapping[str, Any]) -> str:
    items = ", ".join(item["name"] for item in hit["items"])
    customer = hit["customer"]
    who = f"{customer['name']}, {customer['city']}"
    amount = f"{hit['refund_amount']} {hit['currency']}"
    return f"{hit['objectID']}  {hit['status']:<10}  {amount:>13}  {who:<28}  {items}"


def commands(base_url: str) -> str:
    """Commands to paste; each works as it stands."""
    search = f"{base_url}/search-order-return-index-data"
    token = f"{base_url}/_local/token"
    lantern = {"product_name": "Gas lantern", "product_price": "39.90", "currency": "EUR"}
    pictures = [f"{base_url}/_local/pictures/photo-{number}.jpg" for number in (1, 2)]
    json_type = "-H 'Content-Type: application/json'"
    product = json.dumps(lantern | {"product_images": pictures})
    return "\n".join(
        (
            "Try, in another terminal:",
            f"  TOKEN=$(curl -s -H 'Accept: text/plain' '{token}?sub=me&roles=ops')",
            f"""  curl -s -H "Authorization: Bearer $TOKEN" '{search}?q=boots&status=received&facets=warehouse'""",
            f'  curl -s -H "Authorization: Bearer $TOKEN" {base_url}/returns/RET-000001',
            f"  SELLER=$(curl -s -H 'Accept: text/plain' '{token}?sub={_SELLER}&account={_SELLER}&roles=seller')",
            f"""  curl -s -H "Authorization: Bearer $SELLER" '{base_url}/products?name=boots&sort=product_price'""",
            f"""  curl -s -H "Authorization: Bearer $SELLER" {json_type} {base_url}/products -d '{product}'""",
            f"""  curl -s -H "Authorization: Bearer $SELLER" '{base_url}/products?name=lantern'""",
            *(f"  {command}" for command in storefront_commands(base_url)),
            f'  curl -s -H "Authorization: Bearer $TOKEN" {base_url}/ops/dead-letters',
            f'  echo "$TOKEN"          # to sign in with at {base_url}/ops, the operators\' page',
            f"  curl -s -X POST {base_url}/_local/schedules/returnsUpdateCron:run",
            f"""  curl -s -X POST {base_url}/_local/clock:advance -d '{{"seconds": 900}}'""",
            f"  curl -s {base_url}/_local/queues",
            f"  curl -s {base_url}/          # every function and control",
        )
    )
