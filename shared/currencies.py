"""ISO 4217 currency codes as fields of messages."""

from typing import Annotated, Any

from iso4217 import Currency as IsoCurrency
from pydantic import AfterValidator, Field, StringConstraints
from typing_extensions import TypeAliasType

from shared.money import exponent


def _known(code: str) -> str:
    exponent(code)
    return code


def _list_codes(schema: dict[str, Any]) -> None:
    """For documents only, so that nobody else waits for the list."""
    schema["enum"] = sorted(currency.code for currency in IsoCurrency if currency.exponent is not None)


Currency = TypeAliasType(
    "Currency",
    Annotated[
        str,
        StringConstraints(pattern=r"^[A-Z]{3}$"),
        AfterValidator(_known),
        Field(description="ISO 4217; one with minor units.", json_schema_extra=_list_codes),
    ],
)
