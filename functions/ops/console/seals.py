"""What only we can have made for a session: the tokens of its forms, and the notices that a redirect carries.

Both are keyed by the session's own token, which the browser keeps from every script and every other site.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request

from shared.problems import Problem

FORM_FIELD = "form_token"
MAX_NOTICE = 500


def form_token(session_token: str) -> str:
    """What each form of a session carries."""
    return _seal(session_token, "form", "")


def require_own_form(request: Request, form: Mapping[str, str], session_token: str, base_url: str) -> None:
    """Let pass only a form of ours that was sent from a page of ours.

    Raises:
        Problem: 403.
    """
    require_own_page(request, base_url)
    if not hmac.compare_digest(form.get(FORM_FIELD, "").encode(), form_token(session_token).encode()):
        raise Problem(403, "foreign-form", "The form is of another session. Open the page again and repeat.")


def require_own_page(request: Request, base_url: str) -> None:
    """Let pass only what a page of ours sent: browsers say so, in one of two ways, and no script can change that.

    Raises:
        Problem: 403.
    """
    site = request.headers.get("sec-fetch-site")
    url = urlsplit(base_url)
    # Browsers leave the first out where the connection is not secure.
    own = site == "same-origin" if site else request.headers.get("origin") == f"{url.scheme}://{url.netloc}"
    if not own:
        raise Problem(403, "foreign-form", "This was not sent from the operators' page. Open it and repeat.")


def sealed_notice(session_token: str, notice: str) -> dict[str, str]:
    """The parameters that show ``notice`` on the page that a redirect leads to."""
    notice = notice[:MAX_NOTICE]
    return {"notice": notice, "seal": _seal(session_token, "notice", notice)}


def notice_in(query: Mapping[str, str], session_token: str) -> str:
    """The notice that a page is to show; ``""`` if there is none, or somebody else has written it."""
    notice = query.get("notice", "")
    good = hmac.compare_digest(
        query.get("seal", "").encode(), _seal(session_token, "notice", notice).encode()
    )
    return notice if good else ""


def _seal(session_token: str, purpose: str, text: str) -> str:
    message = f"backstock ops {purpose}\n{text}".encode()
    return hmac.new(session_token.encode(), message, hashlib.sha256).hexdigest()
