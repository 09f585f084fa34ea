"""Exact amounts of money: decimal strings at the edge, integer minor units inside."""

from decimal import Decimal

from iso4217 import Currency


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
        ValueError: the amount has more decimals than the currency, or the currency is unknown.
    """
    digits = exponent(currency)
    scaled = Decimal(amount).scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than the {digits} decimals of {currency}")
    return int(scaled)
