"""What a return may look like, and what is refused."""

import pytest
from pydantic import ValidationError

from functions.returns.model import Return
from tests.unit.returns.examples import a_return, content


def refused_fields(**changes: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Return.model_validate(content(**changes))
    return [".".join(map(str, error["loc"])) for error in caught.value.errors()]


def test_times_are_kept_in_utc() -> None:
    assert (
        a_return(requested_at="2026-10-30T10:00:00+02:00").requested_at.isoformat()
        == "2026-10-30T08:00:00+00:00"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("return_id", "a/b"),
        ("return_id", "__x__"),
        ("return_id", ".."),
        ("return_id", "x" * 129),
        ("return_id", 7),
        ("account", 'x" OR account:"y'),
        ("status", "lost"),
        ("status", None),
        ("reason", ""),
        ("items", []),
        ("items", "SKU-1"),
        ("items", [{"sku": "a", "name": "b", "quantity": 1, "unit_price": "1.00"}] * 201),
        ("currency", "EURO"),
        ("currency", "XXQ"),
        ("refund_amount", 39.8),
        ("refund_amount", "-1.00"),
        ("refund_amount", "1e3"),
        ("refund_amount", "NaN"),
        ("customer", {"name": "Ada", "city": "Malmö", "country": "SWE"}),
        ("requested_at", "2026-10-30"),
        ("requested_at", "2026-10-30T08:00:00"),
        ("requested_at", "1700000000"),
        ("requested_at", 1_700_000_000),
        ("requested_at", "0001-01-01T00:00:00+14:00"),
        ("requested_at", "2026-02-30T00:00:00Z"),
        ("surprise", 1),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    found = refused_fields(**{field: value})
    assert all(path.split(".")[0] == field for path in found)


@pytest.mark.parametrize(
    ("part", "value"),
    [("quantity", "2"), ("quantity", 0), ("quantity", True), ("unit_price", 19.9), ("colour", "red")],
)
def test_a_wrong_value_in_an_item_is_found_by_its_path(part: str, value: object) -> None:
    item = content()["items"][0] | {part: value}
    assert refused_fields(items=[item]) == [f"items.0.{part}"]


@pytest.mark.parametrize("field", [f for f in content() if f not in ("next_status", "next_status_at")])
def test_every_other_field_is_required(field: str) -> None:
    message = content()
    del message[field]
    with pytest.raises(ValidationError):
        Return.model_validate(message)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "10.5"), ("EUR", "1.005"), ("KWD", "1.0005")])
def test_an_amount_finer_than_its_currency_is_refused(currency: str, amount: str) -> None:
    with pytest.raises(ValidationError, match="decimals"):
        a_return(currency=currency, refund_amount=amount)


def test_a_coming_status_and_its_time_go_together() -> None:
    with pytest.raises(ValidationError, match="go together"):
        a_return(next_status="received")
