"""``python -m functions.ops schedules`` and ``queues``."""

from typing import Annotated

import typer

from functions.ops.operation_tables import queues_table, schedules_table
from functions.ops.operations_client import QueueAct, ScheduleAct
from functions.ops.terminal import (
    EXIT_CODES,
    LOCAL,
    AsJson,
    BaseUrl,
    Token,
    Yes,
    confirm,
    display,
    operations,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]

schedules = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)
queues = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@schedules.callback()
def about_schedules() -> None:
    """What begins by the clock."""


@queues.callback()
def about_queues() -> None:
    """Work that waits."""


@schedules.command("list")
def list_schedules(base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False) -> None:
    """All schedules, and how each was last."""
    with operations(base_url, token) as api:
        found = api.schedules().schedules
    display(found, as_json, schedules_table(found))


@schedules.command("pause")
def pause_schedule(
    name: NameArgument,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Let a schedule rest until it is resumed."""
    confirm(f"Pause {name}? Nothing begins it again by itself.", yes)
    _steer_schedule(base_url, token, name, "pause", as_json)


@schedules.command("resume")
def resume_schedule(
    name: NameArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Let a schedule go on."""
    _steer_schedule(base_url, token, name, "resume", as_json)


@schedules.command("run")
def run_schedule(
    name: NameArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Have a schedule call its function once, now."""
    _steer_schedule(base_url, token, name, "run", as_json)


def _steer_schedule(base_url: str, token: str, name: str, act: ScheduleAct, as_json: bool) -> None:
    with operations(base_url, token) as api:
        schedule = api.steer_schedule(name, act)
    display(schedule, as_json, schedules_table([schedule]))


@queues.command("list")
def list_queues(base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False) -> None:
    """All queues, with how many tasks are in them."""
    with operations(base_url, token) as api:
        found = api.queues().queues
    display(found, as_json, queues_table(found))


@queues.command("pause")
def pause_queue(
    name: NameArgument,
    yes: Yes = False,
    base_url: BaseUrl = LOCAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Hold a queue's tasks back until it is resumed."""
    confirm(f"Pause {name}? Its tasks wait until it is resumed.", yes)
    _steer_queue(base_url, token, name, "pause", as_json)


@queues.command("resume")
def resume_queue(
    name: NameArgument, base_url: BaseUrl = LOCAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Let a queue's tasks go on."""
    _steer_queue(base_url, token, name, "resume", as_json)


def _steer_queue(base_url: str, token: str, name: str, act: QueueAct, as_json: bool) -> None:
    with operations(base_url, token) as api:
        queue = api.steer_queue(name, act)
    display(queue, as_json, queues_table([queue]))
