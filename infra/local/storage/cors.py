"""What a bucket lets the scripts of other sites do.

Source: https://cloud.google.com/storage/docs/cross-origin
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rules = Sequence[Mapping[str, Any]]
"""A bucket's ``cors``: each rule with ``origin``, ``method``, ``responseHeader`` and ``maxAgeSeconds``."""


def answer_headers(rules: Rules, origin: str, method: str) -> dict[str, str]:
    """The headers that let a script of ``origin`` see the answer to its request; none if it may not."""
    rule = _first(rules, origin, method)
    if rule is None:
        return {}
    exposed = rule.get("responseHeader", [])
    return _allowed_origin(rule, origin) | (
        {"Access-Control-Expose-Headers": ", ".join(exposed)} if exposed else {}
    )


def preflight_headers(rules: Rules, origin: str, method: str, headers: Iterable[str]) -> dict[str, str]:
    """The headers that let a browser send the request that it asks about; none if it may not.

    Args:
        headers: the names of the headers that it would send.
    """
    rule = _first(rules, origin, method)
    wanted = {name.lower() for name in headers}
    if rule is None or not wanted <= {name.lower() for name in rule.get("responseHeader", [])}:
        return {}
    return _allowed_origin(rule, origin) | {
        "Access-Control-Allow-Methods": ", ".join(rule["method"]),
        "Access-Control-Allow-Headers": ", ".join(rule.get("responseHeader", [])),
        "Access-Control-Max-Age": str(rule.get("maxAgeSeconds", 3600)),
    }


def _first(rules: Rules, origin: str, method: str) -> Mapping[str, Any] | None:
    return next(
        (
            rule
            for rule in rules
            if {origin, "*"} & set(rule.get("origin", [])) and {method, "*"} & set(rule.get("method", []))
        ),
        None,
    )


def _allowed_origin(rule: Mapping[str, Any], origin: str) -> dict[str, str]:
    if "*" in rule["origin"]:
        return {"Access-Control-Allow-Origin": "*"}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
