"""The headers of each page: nothing of it may be run, framed, kept or told to others that is not meant to be."""

from urllib.parse import urlsplit

from shared.settings import Settings


def security_headers(config: Settings) -> dict[str, str]:
    """The headers of an HTML answer."""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src 'self'{_pictures(config)}",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        # Not "no-referrer": browsers would then hide from us which site a form comes from.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _pictures(config: Settings) -> str:
    """Where the public images are, as a source of pictures: the host, and the path of their bucket."""
    if config.images_url:
        url = urlsplit(config.images_url)
        return f" {url.scheme}://{url.netloc}{url.path.rstrip('/')}/"
    return f" https://storage.googleapis.com/{config.images_bucket}/" if config.images_bucket else ""
