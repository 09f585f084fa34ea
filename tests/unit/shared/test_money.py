"""Amounts are exact: every decimal string of a currency is one integer of minor units, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import exponent, minor_units

CURRENCIES = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}


def decimal_string(units: int, digits: int) -> str:
    """The way back, by hand: 1250 minor units with 2 digits as "12.50"."""
    sign, figures = "-" * (units < 0), str(abs(units)).rjust(digits + 1, "0")
    return f"{sign}{figures[:-digits]}.{figures[-digits:]}" if digits else f"{sign}{figures}"


@pytest.mark.parametrize(("currency", "digits"), CURRENCIES.items())
def test_a_currency_has_its_iso_exponent(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@given(st.sampled_from(sorted(CURRENCIES.items())), st.integers(-(10**40), 10**40))
def test_any_number_of_minor_units_survives_the_way_there_and_back(
    currency: tuple[str, int], units: int
) -> None:
    code, digits = currency
    assert minor_units(decimal_string(units, digits), code) == units


@given(st.sampled_from(sorted(CURRENCIES.items())), st.integers(-(10**40), 10**40), st.integers(1, 30))
def test_zeros_at_the_end_change_nothing(currency: tuple[str, int], units: int, zeros: int) -> None:
    code, digits = currency
    amount = decimal_string(units, digits)
    padded = amount + ("" if "." in amount else ".") + "0" * zeros
    assert minor_units(padded, code) == units


@given(st.sampled_from(sorted(CURRENCIES.items())), st.integers(0, 10**40), st.integers(1, 9))
def test_a_decimal_too_many_is_refused_never_rounded(
    currency: tuple[str, int], units: int, digit: int
) -> None:
    code, digits = currency
    amount = decimal_string(units, digits)
    with pytest.raises(ValueError, match=f"more than the {digits} decimals of {code}"):
        minor_units(amount + ("" if "." in amount else ".") + str(digit), code)


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "978", "XXQ", "XAU"])
def test_what_is_no_currency_or_has_no_minor_units_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 4217 currency"):
        minor_units("1", currency)


@pytest.mark.parametrize(
    "amount", ["", ".", "1.", ".5", "+1", "1e3", "1_000", "1,50", " 1", "1\n", "NaN", "Infinity", "٣", "abc"]
)
def test_what_is_no_plain_decimal_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal amount"):
        minor_units(amount, "EUR")
