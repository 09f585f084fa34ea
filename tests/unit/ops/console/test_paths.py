"""No link of ours leads anywhere else."""

from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ops.console.paths import own_path, with_query

BASE = "https://shop.example/ops"


@pytest.mark.parametrize(
    "path", ["/ops", "/ops?x=1", "/ops/console/runs?kind=sync", "/ops/console/do/a.b?c=%2F%2Fd"]
)
def test_a_page_of_ours_is_gone_back_to(path: str) -> None:
    assert own_path(path, "/ops") == path


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "ops",
            "/",
            "/opsx",
            "/products",
            "//evil.example/ops",
            "https://evil.example/ops",
            "javascript:alert(1)",
        ),
        *(
            "/ops/../products",
            "/ops/%2e%2e/products",
            "/ops/.%2E/products",
            "/ops/./x",
            "/ops\\..\\x",
            "\\\\evil.example",
            "/ops\n//evil",
            "/ops/\u202e",
            "//[::1/ops",
        ),
        "/ops/" + "x" * 3_000,
    ],
)
def test_anything_else_leads_to_the_first_page(path: str) -> None:
    assert own_path(path, "/ops") == "/ops"


@given(st.text() | st.text("/\\.:opsx?#@[]%\t\n").map(lambda text: f"/ops{text}"))
def test_whatever_is_asked_one_stays_on_the_page(asked: str) -> None:
    there = urlsplit(urljoin(BASE, own_path(asked, "/ops")))
    assert (there.scheme, there.netloc) == ("https", "shop.example")
    assert there.path == "/ops" or there.path.startswith("/ops/")


@given(st.dictionaries(st.text("abc", min_size=1), st.none() | st.text("&=?#% +/é")))
def test_parameters_come_out_as_they_went_in(parameters: dict[str, str | None]) -> None:
    query = urlsplit(with_query("/ops/console", parameters)).query
    assert dict(parse_qsl(query)) == {name: value for name, value in parameters.items() if value}


def test_a_query_that_is_there_is_gone_on_with() -> None:
    assert with_query("/ops?a=1", {"b": 2}) == "/ops?a=1&b=2"
