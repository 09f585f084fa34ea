import pytest

from functions.images.sources import SourceRefusedError, Sources

SOURCES = Sources(["http://127.0.0.1:8080/_local/pictures/", "https://assets.shop.test"])


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/a.jpg",
        "https://shop.example:443/a.jpg?size=1#top",
        "https://münchen.example/ü.png",
        "http://127.0.0.1:8080/_local/pictures/a.jpg",
        "http://127.0.0.1:8080/_local/x/../pictures/a.jpg",
        "HTTPS://ASSETS.shop.test./a",
    ],
)
def test_these_may_be_asked(url: str) -> None:
    assert SOURCES.parse(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "malformed-url"),
        ("a.jpg", "malformed-url"),
        ("https:///a.jpg", "malformed-url"),
        ("https://[::1/a.jpg", "malformed-url"),
        ("https://shop.example:port/", "malformed-url"),
        ("ftp://shop.example/a.jpg", "malformed-url"),
        ("file:///etc/passwd", "malformed-url"),
        ("https://me:secret@shop.example/", "malformed-url"),
        ("https://shop.example\\@evil.example/", "malformed-url"),
        ("https://shop.example:22/", "malformed-url"),
        ("http://shop.example/a.jpg", "not-https"),
        ("http://127.0.0.1:8080/_local/tasks", "not-https"),
        ("http://127.0.0.1:8080/_local/pictures-of-mine/a", "not-https"),
        ("http://127.0.0.1:8081/_local/pictures/a", "not-https"),
        ("http://127.0.0.1:8080/_local/pictures/../tasks", "not-https"),
        ("http://127.0.0.1:8080/_local/pictures/%2e%2E/tasks", "not-https"),
        ("http://127.0.0.1:8080/_local/pictures/..%2ftasks", "not-https"),
        ("http://assets.shop.test/a", "not-https"),
    ],
)
def test_these_are_refused(url: str, reason: str) -> None:
    with pytest.raises(SourceRefusedError) as refused:
        SOURCES.parse(url)
    assert refused.value.reason == reason


def test_a_secret_in_a_url_is_not_repeated() -> None:
    with pytest.raises(SourceRefusedError, match=r"^(?!.*secret)"):
        SOURCES.parse("https://me:secret@shop.example/")
