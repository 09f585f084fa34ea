"""What a product may look like, what is refused, and how it is kept."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.products.model import (
    ORDER_EXPONENT,
    Original,
    Product,
    ProductContent,
    ProductImage,
    Rendition,
    content_of,
    stored_fields,
    view,
)
from shared.images import new_entry, shown
from tests.unit.products.examples import CURRENCIES, content, contents, price, untouched

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HOST = "https://img.example/"


def a_product(**changes: Any) -> ProductContent:
    return ProductContent.model_validate(content(**changes))


def stored(sent: dict[str, Any]) -> dict[str, Any]:
    """A product's document."""
    fields = stored_fields(ProductContent.model_validate(sent))
    return fields | {
        "user_id": "ann",
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
        **shown([new_entry(f"i{place}", url) for place, url in enumerate(fields["product_images"])]),
    }


def refused_fields(sent: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ProductContent.model_validate(sent)
    return [".".join(map(str, error["loc"])) for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("product_name", value) for value in (None, 7, [], "", "   ", "\n", "x" * 201)),
        *(("product_name", f"a{mark}b") for mark in "\x00\t\n\r\x1b\x7f\x85\x9b\u2028\u2029"),
        *(("product_description", value) for value in (None, 7, ["a"], "x" * 10_001)),
        *(("currency", value) for value in (None, 978, "", "eur", "EURO", "EUR ", "XXQ", "XAU", "XXX")),
        *(("product_price", value) for value in (None, 89, 89.9, True, float("nan"), Decimal("89.90"))),
        *(("product_price", value) for value in ("", "NaN", "Infinity", "-1", "-0", "+1", "1e3", "0x10")),
        *(("product_price", value) for value in ("1.", ".5", "1,50", "1_000", " 1", "1\n", "٣", "１", "$1")),
        *(("product_price", value) for value in ("1000000000000", "9" * 400, "0.00001", "1.999", "1.000")),
        *(("product_images", value) for value in (None, HOST, {}, {"0": HOST}, [HOST] * 21)),
        *(("product_images.0", [value]) for value in (None, 7, [], "", "shirt.jpg", "//img.example/a")),
        *(("id", "p1"), ("user_id", "ann"), ("version", 1), ("compressed_product_images", [])),
        *(("created_at", AT), ("updated_at", AT), ("price_order", 0), ("color", "red")),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    assert refused_fields(content(**{field.partition(".")[0]: value})) == [field]


@pytest.mark.parametrize(
    "url",
    [
        *("http:img.example/a", "javascript:alert(1)", "file:///etc/passwd", "data:image/png;base64,AA"),
        *("ftp://img.example/a", "blob:https://img.example/a", "about:blank", "javascript://img.example/%0a"),
        *("https:", "https://", "https:///a", "https:img.example/a", "https:/img.example", "https://:443/"),
        *("https://ann@img.example/", "https://ann:secret@img.example/", "https://:secret@img.example/"),
        *(
            "https://img .example/",
            f"{HOST}a b",
            f" {HOST}",
            f"{HOST} ",
            f"{HOST}\n",
            "https://im\tg.example/",
        ),
        *("https:\\\\img.example\\a", f"{HOST}a\\b", f"{HOST}\x00", f"{HOST}\x7f", f"{HOST}\u2028"),
        *("https://img.example:99999/", "https://img.example:x/", "https://[::1/", "https://%00/"),
        HOST + "x" * (2049 - len(HOST)),
        HOST + "é" * 1_000,
        HOST + '?"' * 1_000,
    ],
    ids=lambda url: repr(url)[:40],
)
def test_an_image_that_is_not_at_a_plain_web_url_is_refused(url: str) -> None:
    assert refused_fields(content(product_images=[HOST, url])) == ["product_images.1"]


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        (HOST, HOST),
        ("https://img.example", HOST),
        ("HTTPS://IMG.Example/A.jpg", f"{HOST}A.jpg"),
        ("https://img.example:443/a", f"{HOST}a"),
        ("https://img.example:8443/a?b=c#d", "https://img.example:8443/a?b=c#d"),
        (f"{HOST}a/../b", f"{HOST}b"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        (f"{HOST}%20", f"{HOST}%20"),
        (HOST + "x" * (2048 - len(HOST)), HOST + "x" * (2048 - len(HOST))),
    ],
    ids=lambda url: url[:40],
)
def test_an_images_url_is_kept_in_its_normal_form(url: str, normal: str) -> None:
    assert a_product(product_images=[url]).product_images == [normal]


_pieces = [
    *("https:", "HTTPS:", "http:", "//", "/", "\\", "@", ":", "img.example", "ü", "[::1]", "a", "1", ".."),
    *(" ", "\t", "\u2028", "\ud800", "%", "%zz", "%00", '"', "?", "#", "x" * 700, "日" * 300),
]
_urls = st.lists(st.sampled_from(_pieces), max_size=8).map("".join)


@given(
    st.one_of(_urls, _urls.map("https://{}".format), _urls.map("https://img.example/{}".format), st.text())
)
def test_whatever_url_is_accepted_is_a_normal_one_of_bounded_length(url: str) -> None:
    try:
        (kept,) = a_product(product_images=[url]).product_images
    except ValidationError:
        return
    assert kept.startswith("https://")
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept
    assert len(kept) <= 2048
    assert a_product(product_images=[kept]).product_images == [kept]


@pytest.mark.parametrize("field", ["product_name", "currency", "product_price"])
def test_a_product_needs_a_name_and_a_price(field: str) -> None:
    sent = content()
    del sent[field]
    assert refused_fields(sent) == [field]


def test_description_and_images_may_be_left_out() -> None:
    sent = content()
    del sent["product_description"], sent["product_images"]
    product = ProductContent.model_validate(sent)
    assert (product.product_description, product.product_images) == ("", [])


@pytest.mark.parametrize(
    "changes",
    [
        {"product_name": "x"},
        {"product_name": "😀" * 200},
        {"product_description": "\x00 any\ttext\n" + "x" * 9_980},
        {"product_images": [HOST] * 20},
        {"product_price": "0"},
        {"product_price": "999999999999.99"},
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_a_product_at_its_limits_is_accepted(changes: dict[str, Any]) -> None:
    a_product(**changes)


def test_spaces_around_a_name_are_not_kept() -> None:
    assert a_product(product_name="  Linen  shirt \n").product_name == "Linen  shirt"


@pytest.mark.parametrize("sent", [None, [], "Linen shirt", 7, [content()]], ids=repr)
def test_what_is_no_object_is_no_product(sent: Any) -> None:
    assert refused_fields(sent) == [""]


@given(st.sampled_from(sorted(CURRENCIES.items())), st.integers(0, 10**12 - 1))
def test_a_price_has_at_most_the_decimals_of_its_currency(currency: tuple[str, int], units: int) -> None:
    code, digits = currency
    exact = price(units, digits)
    assert stored(content(currency=code, product_price=exact))["product_price"] == units
    finer = exact + ("0" if digits else ".0")
    assert refused_fields(content(currency=code, product_price=finer)) == ["product_price"]


@given(contents)
def test_a_product_reads_as_it_was_sent(sent: dict[str, Any]) -> None:
    answer = Product.model_validate(view("p1", stored(sent))).model_dump()
    product = ProductContent.model_validate(sent)
    assert answer == product.model_dump() | untouched(answer) | {
        "id": "p1",
        "user_id": "ann",
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }


@given(contents)
def test_what_is_stored_can_be_sent_again(sent: dict[str, Any]) -> None:
    again = content_of(stored(sent))
    assert ProductContent.model_validate(again) == ProductContent.model_validate(again | sent)
    assert stored(again) == stored(sent)


@given(st.sampled_from(sorted(CURRENCIES.items())), st.integers(0, 10**12 - 1))
def test_stored_prices_of_all_currencies_compare_as_numbers(currency: tuple[str, int], units: int) -> None:
    code, digits = currency
    exact = price(units, digits)
    order = stored(content(currency=code, product_price=exact))["price_order"]
    assert Decimal(order).scaleb(-ORDER_EXPONENT) == Decimal(exact)


@given(contents)
def test_what_only_queries_use_is_not_shown(sent: dict[str, Any]) -> None:
    document = stored(sent)
    assert document.keys() - view("p1", document).keys() == {"price_order", "name_order", "name_tokens"}


def test_images_are_shown_in_an_order_that_reads_well_however_the_database_has_them() -> None:
    document = stored(content())
    rendition = {"saving": 0.9, "bytes": 9, "height": 3, "width": 4, "media_type": "image/webp", "url": "u"}
    done = {
        "renditions": [rendition | {"name": "large"}],
        "original": {"frames": 1, "bytes": 90, "height": 6, "width": 8, "media_type": "image/jpeg"},
    }
    shuffled = dict(reversed((document["images"][0] | done).items()))
    image = view("p1", document | {"images": [shuffled]})["images"][0]
    assert list(image) == list(ProductImage.model_fields)
    assert list(image["original"]) == list(Original.model_fields)
    assert [list(each) for each in image["renditions"]] == [list(Rendition.model_fields)]
