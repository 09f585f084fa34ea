"""Exact amounts of money: decimal strings at the edge, integer minor units inside."""

import re

from iso4217 import Currency

_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def exponent(currency: str) -> int:
    """How many decimals an amount in ``currency`` (ISO 4217) has: 2 for EUR, 0 for JPY, 3 for KWD.

    Raises:
        ValueError: not a currency, or one without minor units, such as gold.
    """
    try:
        digits = Currency(currency).exponent
    except ValueError:
        digits = None
    if digits is None:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency")
    return int(digits)


def minor_units(amount: str, currency: str) -> int:
    """``("12.50", "EUR")`` as 1250.

    Args:
        amount: a plain decimal string.
        currency: its ISO 4217 code.

    Raises:
        ValueError: not a plain decimal, more decimals than the currency has, or an unknown currency.
    """
    digits = exponent(currency)
    if not _AMOUNT.fullmatch(amount):
        raise ValueError(f"{amount!r} is not a decimal amount")
    # By its figures: decimal.Decimal rounds to 28 of them without a word.
    whole, _, decimals = amount.partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > digits:
        raise ValueError(f"{amount} has more than the {digits} decimals of {currency}")
    return int(whole + decimals.ljust(digits, "0"))


def decimal_string(units: int, currency: str) -> str:
    """``(1250, "EUR")`` as "12.50": the way back from :func:`minor_units`.

    Raises:
        ValueError: an unknown currency.
    """
    digits = exponent(currency)
    figures = str(abs(units)).rjust(digits + 1, "0")
    sign = "-" if units < 0 else ""
    return f"{sign}{figures[:-digits]}.{figures[-digits:]}" if digits else f"{sign}{figures}"
