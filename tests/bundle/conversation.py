"""A conversation with the whole system, in which every function does real work and gives the right answer."""

import gzip

from tests.bundle.shop import Shop

RETURN = {
    "account": "acme",
    "order_id": "ORD-1",
    "status": "in_transit",
    "reason": "too_small",
    "items": [{"sku": "SHOE-42", "name": "Trail shoe, 42", "quantity": 1, "unit_price": "89.90"}],
    "currency": "EUR",
    "refund_amount": "89.90",
    "customer": {"name": "Ada Lind", "city": "Malmö", "country": "SE"},
    "warehouse": "malmo-1",
    "carrier": "PostNord",
    "tracking_number": "PN1SE",
    "requested_at": "2026-11-18T08:00:00Z",
    "external_updated_at": "2026-11-19T10:30:00Z",
}
PRODUCT = {"product_name": "Trail shoe", "product_price": "89.90", "currency": "EUR"}
FEED = """store_id,sku,price,currency,available,name,category_id
leith,NEW-1,1.95,EUR,yes,San Marzano tomatoes,tomatoes
leith,NEW-2,2.45,EUR,yes,Cherry tomatoes,tomatoes
"""


async def returns_are_found(shop: Shop) -> None:
    """A return comes in, a run of the sync puts it in the index, and a search finds it."""
    await shop.ask("PUT", "/returns/RET-1", json=RETURN, expect=201)
    stored = await shop.ask("GET", "/returns/RET-1")
    assert stored["customer"] == RETURN["customer"]
    await shop.run("returnsUpdateCron")
    found = await shop.ask("GET", "/search-order-return-index-data?q=trail&facets=status")
    assert [hit["objectID"] for hit in found["hits"]] == ["RET-1"]
    await nothing_has_drifted(shop, "returns")


async def nothing_has_drifted(shop: Shop, subject: str) -> None:
    """An audit finds everything as it should be."""
    begun = await shop.ask("POST", "/ops/jobs", json={"kind": "audit", "subject": subject}, expect=202)
    await shop.quiet()
    audit = await shop.ask("GET", f"/ops/runs/audit/{begun['id']}")
    assert (audit["status"], audit["by_account"]) == ("done", {}), audit
    assert audit["done"] > 0


async def products_are_shown_and_delivered(shop: Shop) -> None:
    """A product with two images, one by a link and one uploaded, is delivered, shown, rendered again and removed."""
    link = f"{shop.cloud.environment['IMAGE_TRUSTED_SOURCES']}photo-1.jpg?width=600&height=400"
    product = await shop.ask(
        "POST", "/products", "seller", json=PRODUCT | {"product_images": [link]}, expect=201
    )
    path = f"/products/{product['id']}"
    upload = await shop.ask(
        "POST", f"{path}/images", "seller", json={"content_type": "image/jpeg"}, expect=201
    )
    picture = (await shop.http.get(link)).content
    sent = await shop.http.request(
        upload["method"], upload["url"], headers=upload["headers"], content=picture
    )
    assert sent.status_code == 200, sent.text
    await shop.quiet()
    assert (await shop.ask("GET", f"{path}/supply-chain"))["status"] == "synced"
    begun = await shop.ask("POST", "/image-backfill", json={"outdated": False}, expect=202)
    assert (begun["products"], begun["images"]) == (1, 2)
    for schedule in ("imageSweeper", "imageOrphanSweeper", "outboxSweeper"):
        await shop.run(schedule)
    # Of the list, which comes from the database: the process may show what it has read for 5 seconds more.
    (shown,) = (await shop.ask("GET", "/products", "seller"))["products"]
    urls = shown["compressed_product_images"]
    assert [(await shop.http.get(url)).headers["Content-Type"] for url in urls] == ["image/webp"] * 2
    for subject in ("products", "images"):
        await nothing_has_drifted(shop, subject)
    await shop.ask("DELETE", path, "seller", expect=204)
    await shop.quiet()
    assert [(await shop.http.get(url)).status_code for url in urls] == [404, 404]


async def feeds_become_storefronts(shop: Shop) -> None:
    """A packed feed of prices becomes a storefront with the categories of the operators."""
    body = {"parent_id": None, "name": "Tomatoes"}
    await shop.ask("PUT", "/categories/tomatoes", json=body, expect=201)
    feed = gzip.compress(FEED.encode(), mtime=0)
    await shop.ask("PUT", "/_local/feeds/acme/today.csv.gz", content=feed, expect=201)
    await shop.quiet()
    (run,) = (await shop.ask("GET", "/price-runs", "retailer"))["runs"]
    assert (run["status"], run["good"], run["stores"]) == ("done", 2, 1)
    for schedule in ("priceRunSweeper", "storefrontSweeper", "storefrontNightly"):
        await shop.run(schedule)
    page = await shop.ask("GET", "/storefront/leith")
    (category,) = page["categories"]
    assert (category["name"], category["products"]) == ("Tomatoes", 2)


async def operators_see_that_nothing_failed(shop: Shop) -> None:
    """There are no dead letters, all is well, and the operators' page is there."""
    letters = await shop.ask("GET", "/ops/dead-letters")
    assert letters["dead_letters"] == []
    for schedule in ("nightlyAudits", "jobSweeper"):
        await shop.run(schedule)
    health = await shop.ask("GET", "/ops/health")
    assert health["status"] == "ok", health
    page = await shop.http.get("/ops/console/sign-in")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


async def whole(shop: Shop) -> None:
    """All of it."""
    await returns_are_found(shop)
    await products_are_shown_and_delivered(shop)
    await feeds_become_storefronts(shop)
    await operators_see_that_nothing_failed(shop)
