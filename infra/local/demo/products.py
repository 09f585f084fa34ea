"""The catalog of the demo's shops, as their sellers enter it."""

from typing import Any

from infra.local.demo.shops import Shop


def demo_products(shop: Shop) -> list[dict[str, Any]]:
    """Products of ``shop`` as ``POST /products`` takes them."""
    return [
        {
            "product_name": product.name,
            "product_description": f"{product.name}. Article {product.sku}.",
            "product_price": f"{product.cents // 100}.{product.cents % 100:02d}",
            "currency": shop.currency,
        }
        for product in shop.products
    ]
