"""The catalog of the demo's shops, as their sellers enter it."""

from typing import Any

from infra.local.demo.shops import Shop


def demo_products(shop: Shop, pictures: str) -> list[dict[str, Any]]:
    """Products of ``shop`` as ``POST /products`` takes them; the first of them has pictures.

    Args:
        pictures: below which URL pictures are to be had.
    """
    products = [
        {
            "product_name": product.name,
            "product_description": f"{product.name}. Article {product.sku}.",
            "product_price": f"{product.cents // 100}.{product.cents % 100:02d}",
            "currency": shop.currency,
        }
        for product in shop.products
    ]
    # By the account, so that each shop has others.
    photo = f"{pictures}/photo-{sum(shop.account.encode())}.jpg?width=1200&height=900"
    return [products[0] | {"product_images": [photo]}, *products[1:]]
