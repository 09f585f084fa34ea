"""The operators' API, as the command line calls it."""

from collections.abc import Iterator
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from functions.ops.answers import BackfillBegun, DeadLetterPage, DeadLetterView, ReplayAnswer
from functions.ops.siblings import segment
from shared.openapi import FieldError, ProblemDetails

# Longer than the function may take, so that its own answer comes first.
_TIMEOUT = httpx.Timeout(150, connect=10)
_PAGE = 100
# Letters to a request, so that a progress bar has something to show.
CHUNK = 50
_MOST = 500
# Pydantic puts this before the words of our own validators.
_VALIDATOR = "Value error, "

Answer = TypeVar("Answer", bound=BaseModel)


class ApiError(Exception):
    """What an operator asked for was not done; the text says why, and what to do.

    Args:
        text: for people.
        status: what was answered over HTTP; None if nothing was.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def connect(base_url: str, token: str, function: str) -> httpx.Client:
    """A connection to a function below ``base_url``.

    Raises:
        ApiError: that is no address, or the token is none.
    """
    try:
        url = httpx.URL(f"{base_url.rstrip('/')}/{function}")
    except httpx.InvalidURL as error:
        raise ApiError(f"BASE_URL {base_url} is no address: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ApiError(f"BASE_URL {base_url} is no address: it begins with http:// or https:// and a host.")
    if not (token.isascii() and token.isprintable()):
        raise ApiError("TOKEN is no token: it has characters that no token has.")
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT)


class ApiClient:
    """Calls a function. Every method raises :class:`ApiError` when it is not answered as it should be."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def call(
        self,
        model: type[Answer],
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        """The answer to a request below the function.

        Raises:
            ApiError: it is refused, cannot be sent, or is answered with something else.
        """
        try:
            response = self._http.request(method, path, json=body, params=params)
        except httpx.HTTPError as error:
            raise ApiError(_unreachable(self._http.base_url, error)) from error
        if not response.is_success:
            raise ApiError(_refusal(response), response.status_code)
        try:
            # What a newer deployment adds is none of our business.
            return model.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise ApiError(f"{response.url} is no operators' API. Is BASE_URL right?") from error


class OpsClient(ApiClient):
    """Dead letters, by HTTP."""

    def letters(self, limit: int, **filters: str) -> DeadLetterPage:
        """The newest letters that pass the filters, from as many pages as it takes."""
        letters: list[DeadLetterView] = []
        position: dict[str, str] = {}
        while True:
            asked = {"limit": str(min(_PAGE, limit - len(letters)))} | filters | position
            page = self.call(DeadLetterPage, "GET", "/dead-letters", params=asked)
            letters += page.dead_letters
            if len(letters) >= limit or page.next_cursor is None:
                return page.model_copy(update={"dead_letters": letters[:limit]})
            position = {"cursor": page.next_cursor}

    def letter(self, letter_id: str) -> DeadLetterView:
        """One letter."""
        return self.call(DeadLetterView, "GET", _path(letter_id))

    def replay(self, letter_id: str) -> DeadLetterView:
        """Try a letter's work again."""
        return self.call(DeadLetterView, "POST", f"{_path(letter_id)}:replay")

    def discard(self, letter_id: str, reason: str) -> DeadLetterView:
        """Close a letter whose work nobody wants any more."""
        return self.call(DeadLetterView, "POST", f"{_path(letter_id)}:discard", {"reason": reason})

    def replay_all(self, queue: str, most: int) -> Iterator[ReplayAnswer]:
        """Try up to ``most`` open letters of a queue, a chunk at a time; each letter that fails counts once.

        Ends early when none is left or none of a chunk could be replayed.
        """
        replayed, failed = 0, set[str]()
        while (left := most - replayed - len(failed)) > 0:
            # Those that failed are still the oldest, so they come again.
            limit = min(_MOST, min(CHUNK, left) + len(failed))
            answer = self.call(ReplayAnswer, "POST", "/dead-letters:replay", {"queue": queue, "limit": limit})
            new = [failure for failure in answer.failed if failure.id not in failed]
            replayed += answer.replayed
            failed.update(failure.id for failure in new)
            yield answer.model_copy(update={"failed": new})
            if not (answer.more and answer.replayed):
                return


class BackfillClient(ApiClient):
    """Renders images again, by HTTP."""

    def begin(self, after: str | None, limit: int, outdated: bool) -> BackfillBegun:
        """Have the images of up to ``limit`` products after one rendered again."""
        chosen: dict[str, object] = {"after": after, "limit": limit, "outdated": outdated}
        return self.call(BackfillBegun, "POST", "", chosen)


def _path(letter_id: str) -> str:
    return f"/dead-letters/{segment(letter_id)}"


def _unreachable(url: httpx.URL, error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError):
        return f"Nothing answers at {url} ({error}). `make run` starts the local cloud; BASE_URL names any other."
    if isinstance(error, httpx.TimeoutException):
        return (
            f"{url} did not answer in time. What was asked for may have been done; look before trying again."
        )
    return f"The connection to {url} broke off ({error!r}). Look what was done before trying again."


def _refusal(response: httpx.Response) -> str:
    try:
        problem = ProblemDetails.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        return f"{response.url} answered {response.status_code} and does not say why. Is BASE_URL right?"
    fields = map(_field, problem.errors)
    return "\n".join(
        [f"{problem.title} ({problem.status}): {problem.detail}", *fields, f"Trace: {problem.trace}"]
    )


def _field(error: FieldError) -> str:
    """What is wrong with one field, or with several together: then none is named."""
    detail = error.detail.removeprefix(_VALIDATOR)
    return f"  {error.field}: {detail}" if error.field else f"  {detail}"
