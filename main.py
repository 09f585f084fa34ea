"""Every deployable entry point, by name.

Functions Framework looks its target up here as an attribute. Only the module of the target is imported then, since
what one function needs would lengthen the cold start of all the others.
"""

import importlib
from typing import Any

from shared import logs
from shared.imports import importing
from shared.settings import settings

ENTRY_POINTS = {
    "returns": "functions.returns.main",
    "returns_cron": "functions.returns.cron_main",
    "return_updated_task_queue": "functions.returns.main",
    "return_update_processing_queue": "functions.returns.main",
    "maintain_return_index": "functions.returns.maintenance_main",
    "search_order_return_index_data": "functions.returns.search_main",
    "products": "functions.products.main",
    "supply_chain_sync": "functions.supply_chain.main",
    "audit_products": "functions.supply_chain.audit_main",
    "fetch_image": "functions.images.fetch_main",
    "compress_image": "functions.images.compression_main",
    "remove_image": "functions.images.upkeep_main",
    "image_sweeper": "functions.images.upkeep_main",
    "image_orphan_sweeper": "functions.images.upkeep_main",
    "audit_images": "functions.images.audit_main",
    "image_backfill": "functions.images.upkeep_main",
    "ingest_price_feed": "functions.prices.ingest_main",
    "update_prices": "functions.prices.main",
    "price_runs": "functions.prices.main",
    "price_run_sweeper": "functions.prices.main",
    "storefront": "functions.storefront.serving_main",
    "categories": "functions.storefront.categories_main",
    "rebuild_storefront": "functions.storefront.rebuild_main",
    "storefront_sweeper": "functions.storefront.rebuild_main",
    "storefront_nightly": "functions.storefront.rebuild_main",
    "outbox_sweeper": "functions.ops.sweeper_main",
    "job_sweeper": "functions.ops.jobs_main",
    "nightly_audits": "functions.ops.jobs_main",
    "ops": "functions.ops.main",
}

logs.configure()


def __getattr__(name: str) -> Any:
    if name not in ENTRY_POINTS:
        raise AttributeError(f"{name!r} is no entry point; there are: {', '.join(ENTRY_POINTS)}")
    # A deployment that lacks a setting fails when it starts, not at its first request.
    settings()
    with importing(ENTRY_POINTS[name]):
        return getattr(importlib.import_module(ENTRY_POINTS[name]), name)
