"""What a person reads at the terminal about the demo."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.demo.load import DemoReport


def describe(report: DemoReport) -> str:
    """What happened, and one search's answer."""
    return "\n".join((*_events(report), "", *_search(report)))


def _events(report: DemoReport) -> Iterator[str]:
    loaded = sum(report.outcomes.values())
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    operations, requests = report.algolia["index_operations"], report.algolia["write_requests"]
    yield f"Demo: {loaded:,} returns of {report.accounts} shops came in by POST /returns/batch"
    yield f"      ({outcomes}) in {report.load_seconds:.1f} s."
    yield f"      returnsUpdateCron ran: {operations:,} index operations in {requests} write requests"
    yield f"      to Algolia, {report.sync_seconds:.1f} s from the cron to the last push."


def _search(report: DemoReport) -> Iterator[str]:
    found = report.found
    yield f"A search for “{report.query}” finds {found['total']} returns in {found['took_ms']} ms, such as"
    for hit in found["hits"]:
        yield f"      {_hit(hit)}"


def _hit(hit: Mapping[str, Any]) -> str:
    items = ", ".join(item["name"] for item in hit["items"])
    customer = hit["customer"]
    who = f"{customer['name']}, {customer['city']}"
    amount = f"{hit['refund_amount']} {hit['currency']}"
    return f"{hit['objectID']}  {hit['status']:<10}  {amount:>13}  {who:<28}  {items}"


def commands(base_url: str) -> str:
    """Commands to paste; each works as it stands."""
    search = f"{base_url}/search-order-return-index-data"
    return "\n".join(
        (
            "Try, in another terminal:",
            f"  TOKEN=$(curl -s -H 'Accept: text/plain' '{base_url}/_local/token?sub=me&roles=ops')",
            f"""  curl -s -H "Authorization: Bearer $TOKEN" '{search}?q=boots&status=received&facets=warehouse'""",
            f'  curl -s -H "Authorization: Bearer $TOKEN" {base_url}/returns/RET-000001',
            f"  curl -s -X POST {base_url}/_local/schedules/returnsUpdateCron:run",
            f"""  curl -s -X POST {base_url}/_local/clock:advance -d '{{"seconds": 900}}'""",
            f"  curl -s {base_url}/_local/queues",
            f"  curl -s {base_url}/          # every function and control",
        )
    )
