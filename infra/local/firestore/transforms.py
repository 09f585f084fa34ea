"""Field transforms: what the server computes from a field's stored value.

https://firebase.google.com/docs/reference/rest/v1/Write#fieldtransform
"""

import math
from collections.abc import Callable

from infra.local.firestore.documents import check_value
from infra.local.firestore.encode import encode_whole
from infra.local.firestore.errors import invalid, unimplemented
from infra.local.firestore.messages import Value

_INT64 = range(-(2**63), 2**63)
_ARRAYS = ("append_missing_elements", "remove_all_from_array")
_NUMBERS = ("integer_value", "double_value")


def check_transform(transform: Value) -> None:
    """Refuse operands that no field could take.

    Raises:
        FirestoreError: INVALID_ARGUMENT, or UNIMPLEMENTED for an unknown kind of transform.
    """
    kind = transform.WhichOneof("transform_type")
    if kind in _NUMERIC:
        if getattr(transform, kind).WhichOneof("value_type") not in _NUMBERS:
            raise invalid("Input must be int64 or double.")
    elif kind in _ARRAYS:
        for element in getattr(transform, kind).values:
            check_value(element, in_array=True)
    elif kind != "set_to_server_value":
        raise unimplemented(f"Field transform {kind} is not served.")


def transformed(transform: Value, current: Value | None, now_us: int) -> tuple[Value, Value]:
    """A field's new value, and the transform's result as reported to the client."""
    kind = transform.WhichOneof("transform_type")
    if kind == "set_to_server_value":
        moment = Value()
        milliseconds = now_us // 1000  # the documented precision of REQUEST_TIME
        moment.timestamp_value.seconds = milliseconds // 1000
        moment.timestamp_value.nanos = milliseconds % 1000 * 1_000_000
        return moment, moment
    if kind == "append_missing_elements":
        return _union(current, transform.append_missing_elements.values), Value(null_value=0)
    if kind == "remove_all_from_array":
        return _without(current, transform.remove_all_from_array.values), Value(null_value=0)
    operand = getattr(transform, kind)
    if current is None or current.WhichOneof("value_type") not in _NUMBERS:
        return operand, operand
    value = _NUMERIC[kind](current, operand)
    return value, value


def add(left: Value, right: Value) -> Value:
    """The sum of two numbers: integers saturate at 64 bits, a double makes the sum a double."""
    if left.WhichOneof("value_type") == right.WhichOneof("value_type") == "integer_value":
        total = left.integer_value + right.integer_value
        return Value(integer_value=min(max(total, _INT64.start), _INT64.stop - 1))
    total = float(number(left)) + float(number(right))
    return Value(
        double_value=math.nan if math.isnan(total) else total
    )  # Infinities add up to a NaN with a sign.


def number(value: Value) -> float:
    """A numeric value as int or float."""
    return (
        float(value.double_value)
        if value.WhichOneof("value_type") == "double_value"
        else int(value.integer_value)
    )


def _maximum(current: Value, operand: Value) -> Value:
    if _is_nan(current) or _is_nan(operand):
        return Value(double_value=math.nan)
    return operand if encode_whole(operand) > encode_whole(current) else current


def _minimum(current: Value, operand: Value) -> Value:
    if _is_nan(current) or _is_nan(operand):
        return Value(double_value=math.nan)
    return operand if encode_whole(operand) < encode_whole(current) else current


def _is_nan(value: Value) -> bool:
    return math.isnan(number(value))


def _union(current: Value | None, values: list[Value]) -> Value:
    result = Value()
    result.array_value.SetInParent()
    if current is not None:
        result.array_value.values.extend(current.array_value.values)
    present = set(map(encode_whole, result.array_value.values))
    for value in values:
        encoded = encode_whole(value)
        if encoded not in present:
            present.add(encoded)
            result.array_value.values.append(value)
    return result


def _without(current: Value | None, values: list[Value]) -> Value:
    removed = set(map(encode_whole, values))
    result = Value()
    result.array_value.SetInParent()
    if current is not None:
        kept = [value for value in current.array_value.values if encode_whole(value) not in removed]
        result.array_value.values.extend(kept)
    return result


_NUMERIC: dict[str, Callable[[Value, Value], Value]] = {
    "increment": add,
    "maximum": _maximum,
    "minimum": _minimum,
}
