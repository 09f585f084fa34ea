"""Products for tests: valid ones, and a way to change one thing about them."""

from typing import Any

from hypothesis import strategies as st

# A few of each number of decimals that there is.
CURRENCIES = {"EUR": 2, "SEK": 2, "JPY": 0, "CLP": 0, "KWD": 3, "BHD": 3, "CLF": 4}


def content(**changes: Any) -> dict[str, Any]:
    """A valid product as a request carries it."""
    return {
        "product_name": "Linen shirt",
        "product_description": "Washed linen, made in Porto.",
        "currency": "EUR",
        "product_price": "89.90",
        "product_images": ["https://img.example/shirt-front.jpg", "https://img.example/shirt-back.jpg"],
    } | changes


def untouched(product: dict[str, Any]) -> dict[str, Any]:
    """The members that tell of images while nothing has been done about any; their ids are those of ``product``."""
    entry = {"status": "pending", "attempts": 0, "error": "", "original": None, "renditions": []}
    ids = [image["id"] for image in product["images"]]
    urls = product["product_images"]
    return {
        "compressed_product_images": [None for _ in urls],
        "images": [{"id": image_id, "source": url, **entry} for image_id, url in zip(ids, urls, strict=True)],
    }


def listed(product: dict[str, Any]) -> dict[str, Any]:
    """A product as lists show it."""
    return {name: value for name, value in product.items() if name != "images"}


def price(units: int, digits: int) -> str:
    """A price by hand: 1250 minor units with 2 digits as "12.50"."""
    figures = str(units).rjust(digits + 1, "0")
    return f"{figures[:-digits]}.{figures[-digits:]}" if digits else figures


def _priced(money: tuple[str, int], units: int, rest: dict[str, Any]) -> dict[str, Any]:
    currency, digits = money
    return rest | {"currency": currency, "product_price": price(units, digits)}


_texts = st.characters(codec="utf-8", exclude_categories=("Cs",))
_names = st.text(_texts, min_size=1, max_size=200).filter(lambda name: name.isprintable() and name.strip())
_paths = st.text(st.sampled_from("ab/%?&=#é日.-_~\"<>'"), max_size=30)

contents = st.builds(
    _priced,
    st.sampled_from(sorted(CURRENCIES.items())),
    st.integers(0, 10**12 - 1),
    st.fixed_dictionaries(
        {
            "product_name": _names,
            "product_description": st.text(_texts, max_size=300),
            "product_images": st.lists(_paths.map(lambda path: f"https://img.example/{path}"), max_size=20),
        }
    ),
)
