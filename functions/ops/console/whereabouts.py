"""Where on the page is seen more of something: of what a dead letter or a check of health is about."""

from typing import Any
from urllib.parse import quote

import orjson

_CHECKS = {
    "freshness": "/console/runs",
    "sync": "/console/runs",
    "dead letters": "/console/dead-letters",
    "deliveries": "/console/dead-letters?queue=supplyChainSync",
    "images": "/console/dead-letters?queue=imageFetch",
    "storefronts": "/console/dead-letters?queue=storefrontRebuild",
    "price runs": "/console/runs?kind=prices",
    "jobs": "/console/audits",
    "queues": "#queues",
    "schedules": "#schedules",
    "sweepers": "#schedules",
}


def related(queue: str, payload: str) -> list[tuple[str, str]]:
    """Links to what the work of a queue was about, each a label and a path below the function's."""
    fields = _fields(payload)
    match queue:
        case "imageFetch" | "imageRemoval":
            return _link(fields, "product_id", "Images of the product", "/console/images?product={}")
        case "storefrontRebuild":
            return _link(fields, "store_id", "The storefront", "/console/stores?store={}")
        case "returnSync" | "returnSyncProcessing":
            return _link(fields, "run_id", "The run of the sync", "/console/runs/sync/{}")
        case "priceUpdates":
            return _link(fields, "run_id", "The price run", "/console/runs/prices/{}")
        case "returnMaintenance" | "productAudit" | "imageAudit":
            kind = str(fields.get("job_id", "")).partition("-")[0]
            if kind in ("audit", "repair", "reindex"):
                return _link(fields, "job_id", "The job", f"/console/runs/{kind}/{{}}")
    return []


def of_check(name: str) -> str:
    """Where on the page something can be done about what a check has found: a path below the function's."""
    if name.startswith("audit of"):
        return "/console/audits"
    return _CHECKS.get(name, "#checks")


def _fields(payload: str) -> dict[str, Any]:
    try:
        found = orjson.loads(payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _link(fields: dict[str, Any], name: str, label: str, path: str) -> list[tuple[str, str]]:
    value = fields.get(name)
    return [(label, path.format(quote(value, safe="")))] if isinstance(value, str) and value else []
