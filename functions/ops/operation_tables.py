"""Health, runs, schedules, queues, stores and the audit log on a terminal."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from functions.ops.actions_api import ActionView
from functions.ops.control_api import QueueAnswer, ScheduleAnswer
from functions.ops.health_answers import HealthView
from functions.ops.runs_answers import FindingView, OperatorRun
from functions.ops.stores_api import StoreStatus
from functions.ops.tables import beginning, details, plain

_STYLES = {"ok": "green", "degraded": "yellow", "down": "red bold"}


def health_table(health: HealthView) -> RenderableType:
    """The sentence, and what it is concluded from."""
    table = _table("", "", "")
    for check in health.checks:
        style = _STYLES[check.status]
        said = f"“{check.quote}”" if check.quote else ""
        text = " ".join(part for part in (check.detail, said, check.advice) if part)
        table.add_row(check.name, Text(check.status, style), Text(plain(text)))
    return Group(Text(plain(health.sentence), _STYLES[health.status]), Text(), table)


def runs_table(runs: Iterable[OperatorRun]) -> Table:
    """Two lines a run, and the beginning of its error; ids are whole, to be copied."""
    table = _table("id, begun", "status, how far", "counts, error")
    for run in runs:
        done = "–" if run.done is None else f"{run.done:,}"
        far = done + (f" of {run.total:,}" if run.total is not None else "") + f" {run.unit}"
        counts = ", ".join(f"{name} {count:,}" for name, count in run.counts.items())
        what = f", {run.purpose}" if run.purpose else ""
        table.add_row(
            f"{run.id}\n{_time(run.created_at)}",
            f"{run.status}{what}\n{far}, {run.seconds:,.0f} s",
            Text(f"{plain(counts)}\n{beginning(run.error)}".strip()),
        )
    return table


def run_details(run: OperatorRun) -> RenderableType:
    """All there is to know of a run, a line each."""
    return details(run.model_copy(update={"phase": phase(run)}))


def phase(run: OperatorRun) -> str:
    """What a run is at: of one that is done, some rooms leave what it was at last."""
    return "done" if run.status == "done" else run.phase


def findings_table(findings: Iterable[FindingView]) -> Table:
    """A row each."""
    table = _table("kind", "id", "account", "details", "outcome")
    for each in findings:
        text = ", ".join(f"{name}: {value}" for name, value in each.details.items())
        table.add_row(each.kind, *(Text(plain(cell)) for cell in (each.id, each.account, text, each.outcome)))
    return table


def schedules_table(schedules: Iterable[ScheduleAnswer]) -> Table:
    """Two lines a schedule, on however narrow a terminal."""
    table = _table("schedule, cron", "state, how the last ended", "last, next")
    # Each of its cells is two times: broken, they would be four.
    table.columns[-1].no_wrap = True
    for each in schedules:
        ended = plain(each.last_error) or ("well" if each.last_at else "")
        table.add_row(
            f"{each.name}\n{each.cron} {each.time_zone}",
            Text(f"{each.state}\n{ended}"),
            f"{_time(each.last_at)}\n{_time(each.next_at)}",
        )
    return table


def queues_table(queues: Iterable[QueueAnswer]) -> Table:
    """A row each."""
    table = _table("queue", "state", "tasks", "tried before", "oldest")
    for each in queues:
        depth = f"{each.depth:,}" + ("+" if each.has_more else "")
        table.add_row(each.name, each.state, depth, f"{each.retrying:,}", _time(each.oldest_at))
    return table


def store_table(store: StoreStatus) -> RenderableType:
    """What is served of a store."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in store.status.items():
        table.add_row(name, Text(plain(_readable(value))))
    return table


def _readable(value: Any) -> str:
    """A member of an answer; of a list of objects, a line each."""
    match value:
        case str():
            return value
        case [dict(), *_]:
            return "\n".join(
                ", ".join(f"{name} {_readable(each)}" for name, each in item.items()) for item in value
            )
    return json.dumps(value, ensure_ascii=False)


def actions_table(actions: Sequence[ActionView]) -> Table:
    """A row each."""
    table = _table("when", "who", "what", "target", "outcome")
    for each in actions:
        cells = (each.who, each.what, each.target, each.outcome or "unknown")
        table.add_row(_time(each.at), *(Text(plain(cell)) for cell in cells))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(first))
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, overflow="fold")
    return table


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""
