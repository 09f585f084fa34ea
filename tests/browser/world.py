"""What operators have to see to: made through the front door, or by hand where it is somebody's mistake."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import httpx

from shared.dead_letters import COLLECTION, DeadLetter
from tests.e2e.clients import algolia, firestore
from tests.e2e.harness import LocalCloud

ACCOUNT = "nordlicht"
CSV = "store_id,sku,price,currency,available,name,category_id\n"
_MAX_PAUSES, _PAUSE_SECONDS = 60, 15
# What a browser would run, ask for, or show otherwise than it was written, if it were not escaped.
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\"'><svg onload=alert(3)>"


class World:
    """A shop on a local cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    # The cloud

    def told(self, method: str, control: str, body: dict[str, Any] | None = None) -> None:
        """Use a control, which must succeed."""
        answer = self.cloud.http.request(method, f"/_local/{control}", json=body)
        assert answer.is_success, f"{control}: {answer.text}\n{self.cloud.text}"

    def faults(self, **faults: Any) -> None:
        """What goes wrong from now on; nothing else does."""
        self.told("PUT", "faults", faults)

    def advance(self, seconds: float) -> None:
        """Let time pass, and let all that is due by then come to its end."""
        self.told("POST", "clock:advance", {"seconds": seconds})
        self.idle()

    def idle(self) -> None:
        """Let all that is due come to its end."""
        self.told("POST", "idle?timeout=25")

    def now(self) -> datetime:
        """The time that all go by."""
        return datetime.fromisoformat(self.cloud.http.get("/_local/clock").raise_for_status().json()["now"])

    def settle(self) -> None:
        """Let time pass until no queue has anything to do: jobs pause between their steps."""
        for _ in range(_MAX_PAUSES):
            self.idle()
            queues = self.cloud.http.get("/_local/queues").raise_for_status().json()
            if not any(queue["depth"] for queue in queues.values()):
                return
            self.advance(_PAUSE_SECONDS)
        raise AssertionError(f"there is no end to it: {queues}")

    def fire(self, schedule: str) -> None:
        """Have a schedule fire now."""
        self.told("POST", f"schedules/{schedule}:run")

    def ask(self, method: str, path: str, *roles: str, sub: str = ACCOUNT, **request: Any) -> httpx.Response:
        """A user's request, which must succeed."""
        headers = self.cloud.token(*roles, sub=sub, account=ACCOUNT)
        answer = self.cloud.http.request(method, path, headers=headers, **request)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer

    def operate(self, act: str, body: dict[str, Any] | None = None) -> None:
        """Do what an operator does, by the API."""
        self.ask("POST", f"/ops/{act}", "ops", sub="olga", json=body)

    def runs(self, kind: str) -> list[dict[str, Any]]:
        """The latest runs of a kind, the newest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"/ops/runs?kind={kind}", "ops").json()["runs"]
        return found

    # Returns and their index

    def put_return(self, return_id: str, **members: Any) -> None:
        """Take in a return, or a change of one."""
        body = {
            "account": ACCOUNT,
            "order_id": f"order of {return_id}",
            "status": "received",
            "reason": "too small",
            "items": [{"sku": "B-42", "name": "Boots", "quantity": 1, "unit_price": "89.90"}],
            "currency": "EUR",
            "refund_amount": "89.90",
            "customer": {"name": "Ann Lee", "city": "Aarhus", "country": "DK"},
            "warehouse": "North",
            "carrier": None,
            "tracking_number": None,
            "requested_at": "2026-11-01T09:00:00Z",
            "external_updated_at": "2026-11-02T09:00:00Z",
            **members,
        }
        self.ask("PUT", f"/returns/{return_id}", "warehouse", json=body)

    def sync(self) -> None:
        """A run of the sync, to its end."""
        self.fire("returnsUpdateCron")
        self.idle()

    def audit_all(self) -> None:
        """What is done every night, to its end."""
        self.fire("nightlyAudits")
        self.settle()

    def spoil_index(self, *, lost: str, altered: str, added: str) -> None:
        """Have the index lack a return, hold one otherwise than it is, and hold one that does not exist."""
        index = self.cloud.environment["ALGOLIA_RETURNS_INDEX"]
        with algolia(self.cloud) as client:
            client.delete_object(index, lost)
            client.partial_update_object(index, altered, {"reason": "altered by hand"})
            client.save_object(index, {"objectID": added, "account": ACCOUNT, "status": "received"})

    # Products and their images

    def create_product(self, name: str, **members: Any) -> str:
        """A seller's product; its id."""
        body = {"product_name": name, "product_price": "89.90", "currency": "EUR", **members}
        return str(self.ask("POST", "/products", "seller", json=body).json()["id"])

    def picture(self, name: str) -> str:
        """The address of somebody else's picture."""
        return f"{self.cloud.base_url}/_local/pictures/{name}"

    def refused_product(self, name: str) -> str:
        """A product that the supply chain refuses for good, so that a dead letter is about it; its id."""
        self.faults(supply_chain={"refuse_rate": 1})
        product_id = self.create_product(name)
        self.idle()
        self.faults()
        return product_id

    def has_partner(self, product_id: str) -> bool:
        """Whether the supply chain knows a product."""
        every = self.cloud.http.get("/_local/supply-chain/products").raise_for_status().json()["products"]
        return any(each["id"] == product_id for each in every)

    # Storefronts

    def put_category(self, category_id: str, name: str) -> None:
        """A category at the top."""
        self.ask("PUT", f"/categories/{category_id}", "ops", json={"parent_id": None, "name": name})

    def feed(self, store: str, name: str, *prices: str, category: str = "bread") -> None:
        """A feed with an item for each price; the storefront shows it at the end."""
        lines = [
            f"{store},SKU-{number},{price},EUR,true,Loaf {number},{category}\n"
            for number, price in enumerate(prices)
        ]
        dropped = self.cloud.http.put(f"/_local/feeds/{ACCOUNT}/{name}.csv", content=CSV + "".join(lines))
        assert dropped.is_success, dropped.text
        self.idle()

    def generation(self, store: str) -> int:
        """Which one a storefront shows."""
        return int(self.cloud.http.get(f"/storefront/{store}").raise_for_status().json()["generation"])

    # Dead letters

    def letter(self, key: str, payload: dict[str, Any], error: str) -> str:
        """A dead letter; when it is replayed nothing comes of it. Its id."""
        letter = DeadLetter(key, "returnSyncProcessing", "return-update-processing-queue", payload, error, 30)
        kept = {
            "payload": json.dumps(payload),
            "status": "open",
            "trace": "0af7651916cd43dd8448eb211c80319c",
            "created_at": self.now(),
        }
        firestore(self.cloud).collection(COLLECTION).document(letter.id).set(asdict(letter) | kept)
        return letter.id
