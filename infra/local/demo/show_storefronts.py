"""What a person reads at the terminal about the demo's feeds and storefronts."""

from collections.abc import Sequence

from infra.local.demo.groceries import assortment, load_groceries
from infra.local.demo.storefronts import ChangeReport, RunReport, StorefrontsReport


def describe_storefronts(report: StorefrontsReport) -> str:
    """What the first feeds have made."""
    return "\n".join(
        (
            f"Demo: {report.categories} categories came in by POST /categories/batch, then price feeds:",
            *(f"      {_run(run)}" for run in report.runs),
            *(f"      (its bad lines: {run.report})" for run in report.runs if run.report),
            f"      {report.storefronts} storefronts were built of them, {report.seconds:.1f} s in all.",
        )
    )


def describe_change(report: ChangeReport) -> str:
    """What a feed did that changes little."""
    built = f"The storefronts of {_listed(report.rebuilt)} were" if report.rebuilt else "No storefront was"
    return "\n".join(
        (
            f"A second feed, in which 1 % of the prices are new, took {report.seconds:.1f} s:",
            f"      {_run(report.run)}",
            f"      {built} built anew, the other {report.untouched} were not touched.",
        )
    )


def _run(run: RunReport) -> str:
    bad = f" and {run.bad} bad ones" if run.bad else ""
    return (
        f"{run.feed}  {run.status}: {run.good:,} lines{bad}, {run.stores} stores, "
        f"{run.items_changed:,} items new, {run.pages_read} pages read and {run.pages_written} written"
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def storefront_commands(base_url: str) -> list[str]:
    """Commands to paste; each works as it stands, with an operator's token in ``TOKEN``."""
    grocer = load_groceries().grocers[0]
    store = grocer.stores[0]
    item = assortment(grocer, store)[0]
    header = "store_id,sku,price,currency,available,name,category_id"
    line = f'{store},{item.sku},0.99,{item.currency},yes,"{item.name}",{item.category_id}'
    return [
        f"curl -s {base_url}/storefront/{store}",
        f"curl -s {base_url}/storefront/{store}/categories/coffee",
        f"curl -s {base_url}/storefront/{store}/tree",
        f'curl -s -H "Authorization: Bearer $TOKEN" {base_url}/price-runs',
        f"printf '{header}\\n{line}\\n' | curl -s -T - {base_url}/_local/feeds/{grocer.account}/evening.csv",
    ]
