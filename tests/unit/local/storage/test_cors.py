"""A bucket's CORS rules decide what a browser may do."""

from infra.local.storage.cors import answer_headers, preflight_headers

SHOP = "https://shop.example"
RULES = [
    {
        "origin": [SHOP],
        "method": ["PUT"],
        "responseHeader": ["Content-Type", "x-goog-hash"],
        "maxAgeSeconds": 60,
    },
    {"origin": ["*"], "method": ["GET"]},
]


def test_a_browser_may_send_what_a_rule_names() -> None:
    allowed = preflight_headers(RULES, SHOP, "PUT", ["content-type"])
    assert allowed == {
        "Access-Control-Allow-Origin": SHOP,
        "Vary": "Origin",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "Content-Type, x-goog-hash",
        "Access-Control-Max-Age": "60",
    }


def test_another_site_method_or_header_is_not_allowed() -> None:
    assert not preflight_headers(RULES, "https://other.example", "PUT", [])
    assert not preflight_headers(RULES, SHOP, "DELETE", [])
    assert not preflight_headers(RULES, SHOP, "PUT", ["x-goog-meta-role"])
    assert not preflight_headers([], SHOP, "PUT", [])


def test_a_script_sees_the_answer_where_a_rule_lets_it() -> None:
    assert answer_headers(RULES, SHOP, "PUT") == {
        "Access-Control-Allow-Origin": SHOP,
        "Vary": "Origin",
        "Access-Control-Expose-Headers": "Content-Type, x-goog-hash",
    }
    assert answer_headers(RULES, "https://other.example", "GET") == {"Access-Control-Allow-Origin": "*"}
    assert not answer_headers(RULES, "https://other.example", "PUT")
