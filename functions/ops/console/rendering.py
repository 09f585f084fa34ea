"""Pages as HTML: templates in which everything is escaped, and the headers that go with each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from functions.ops.console import formatting
from functions.ops.console.headers import security_headers
from functions.ops.console.paths import own_path, with_query
from functions.ops.console.seals import FORM_FIELD, form_token, notice_in, sealed_notice
from functions.ops.console.session import Session
from functions.ops.console.static_files import StaticFiles
from shared import trace
from shared.clock import Clock
from shared.problems import Problem
from shared.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_FILTERS = (
    "bounded",
    "visible",
    "pretty_json",
    "number",
    "rate",
    "duration",
    "size",
    "percent",
    "words",
    "breakable",
)


@dataclass(frozen=True)
class Visit:
    """A request of an operator who is signed in."""

    request: Request
    session: Session
    now: datetime

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def lasting_query(self) -> Mapping[str, str]:
        """The query without the notice, which is said once."""
        return {name: value for name, value in self.query.items() if name not in ("notice", "seal")}

    @property
    def path(self) -> str:
        """Below that of the function: ``""`` is the first page."""
        return str(self.request.scope["path"]).rstrip("/")

    @property
    def token(self) -> str:
        """The operator's own, for what is asked of other functions."""
        return self.session.token


class Pages:
    """Makes answers of templates.

    Args:
        prefix: the path of the function, such as ``/ops``.
    """

    def __init__(self, config: Settings, prefix: str, files: StaticFiles, clock: Clock) -> None:
        self.prefix = prefix
        self._headers = security_headers(config)
        self._files = files
        self._clock = clock

    @cached_property
    def _templates(self) -> "Environment":
        # Late: none but the page's visitors wait for it.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters.update({name: getattr(formatting, name) for name in _FILTERS})
        templates.globals.update(
            prefix=self.prefix,
            static=self._files.address,
            with_query=with_query,
            form_field=FORM_FIELD,
            zip=zip,
        )
        return templates

    def shown(self, visit: Visit, template: str, code: int = 200, **values: Any) -> Response:
        """A page for an operator."""
        session = visit.session
        return self._answer(
            template,
            code,
            visit.now,
            session=session,
            form_token=form_token(session.token),
            notice=notice_in(visit.query, session.token),
            here=visit.path,
            this_page=with_query(f"{self.prefix}{visit.path}", visit.lasting_query),
            **values,
        )

    def open_to_all(self, template: str, code: int = 200, **values: Any) -> Response:
        """A page that shows nothing but itself."""
        return self._answer(template, code, self._clock(), session=None, notice="", here="", **values)

    def refused(self, problem: Problem, visit: Visit | None = None) -> Response:
        """What went wrong, as a page."""
        values = {"problem": problem, "trace": trace.current()}
        if visit is None:
            return self.open_to_all("problem.html", problem.status, **values)
        return self.shown(visit, "problem.html", problem.status, **values)

    def redirect(self, path: str) -> Response:
        """To another page of ours, by GET."""
        return RedirectResponse(path, status_code=303, headers=self._headers)

    def redirect_with(self, visit: Visit, path: str, notice: str) -> Response:
        """To another page of ours, which shows ``notice``."""
        return self.redirect(with_query(path, sealed_notice(visit.session.token, notice)))

    def own(self, asked: str) -> str:
        """``asked`` if it is a page of ours, else the first one."""
        return own_path(asked, self.prefix)

    def _answer(self, template: str, code: int, now: datetime, **values: Any) -> Response:
        times = {name: partial(getattr(formatting, name), now=now) for name in ("moment", "ago")}
        html = self._templates.get_template(template).render(now=now, **times, **values)
        return HTMLResponse(html, status_code=code, headers=self._headers)
