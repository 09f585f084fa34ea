"""Starting, cancelling and resuming runs of every kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from functions.ops.console.acts import Act, Done, Input, Telling, Values, chosen
from functions.ops.console.formatting import bounded, number
from functions.ops.console.rendering import Visit
from functions.ops.runs import Run, RunKind, Runs
from shared.jobs.records import JobKind, Subject
from shared.problems import Problem, invalid_fields
from shared.timestamps import Timestamp

_kind = TypeAdapter[RunKind](RunKind)
_job_kind = TypeAdapter[JobKind](JobKind)
_subject = TypeAdapter[Subject](Subject)
_time_of_change = TypeAdapter[datetime](Timestamp)

_CANCEL = {
    "sync": "The run ends at once. What it has pushed stays, and the next run does its window again: nothing is lost.",
    "prices": "Stores that are not begun keep their prices as they are; those under way are finished.",
    "audit": "The audit ends; what it has found so far stays to be read. Nothing else is changed.",
    "repair": "What is repaired stays repaired; the other findings stay as they are.",
    "reindex": "The new index is dropped. The one that is searched stays as it is.",
}
_START = {
    "audit": "Reads everything on both sides, record by record, and changes nothing. Its findings are listed by id.",
    "repair": "Mends exactly what the audit has found, and looks at each finding again afterwards.",
    "reindex": "Builds the search index anew beside the one that is searched, then puts it in its place at one moment. "
    "Searches go on meanwhile.",
}
_FORCED = (
    " Forced, it does so even if the new index has less than half of the records, or none: searches would then find "
    "as little. Be sure that the database is as it should be."
)
_RERUN = "The same is done once more, from the beginning. "
_NOT_FORCED = " It was forced then; this time it is not."


@dataclass(frozen=True)
class RunActs:
    """What is done with runs."""

    runs: Runs

    def acts(self) -> Mapping[str, Act]:
        one = ("kind", "run")
        return {
            "run.cancel": Act(one, self.tell_cancel, self.cancel),
            "run.resume": Act(one, self.tell_resume, self.resume),
            "run.rerun": Act(one, self.tell_rerun, self.rerun),
            "job.start": Act(("kind", "subject", "audit", "forced", "sure"), self.tell_start, self.start),
            "sync.resync": Act(("start", "end"), self.tell_resync, self.resync),
        }

    async def tell_cancel(self, visit: Visit, values: Values) -> Telling:
        """What cancelling leaves behind, by the kind of run."""
        run = await self._run(visit, values)
        text = _CANCEL[run.kind]
        return Telling(
            f"Cancel {named(run)}?", text, "Cancel the run", _facts(run, visit.now), weight="grave"
        )

    async def cancel(self, visit: Visit, values: Values) -> Done:
        """Cancel one."""
        kind = chosen(values, "kind", _kind)
        run = await self.runs.cancel(kind, values.get("run", ""), visit.session.who, visit.token)
        how = "being cancelled" if run.is_active else "cancelled"
        return Done(f"{_capital(named(run))} is {how}.")

    async def tell_resume(self, visit: Visit, values: Values) -> Telling:
        """Where it goes on."""
        run = await self._run(visit, values)
        text = "It goes on from the step at which it failed. Mend the cause first, or it fails again."
        return Telling(f"Resume {named(run)}?", text, "Resume the run", _facts(run, visit.now))

    async def resume(self, visit: Visit, values: Values) -> Done:
        """Resume one."""
        kind = chosen(values, "kind", _kind)
        run = await self.runs.resume(kind, values.get("run", ""), visit.session.who, visit.token)
        return Done(f"{_capital(named(run))} goes on.", _address(run))

    async def tell_rerun(self, visit: Visit, values: Values) -> Telling:
        """What doing it again means."""
        run = await self._run(visit, values)
        text = _RERUN + _START.get(run.kind, "What is right already is left as it is.")
        if run.options.get("forced"):
            text += _NOT_FORCED
        weight = _weight(run.kind)
        return Telling(
            f"Run {named(run)} again?", text, "Run it again", _facts(run, visit.now), weight=weight
        )

    async def rerun(self, visit: Visit, values: Values) -> Done:
        """Run one again."""
        kind = chosen(values, "kind", _kind)
        run = await self.runs.rerun(kind, values.get("run", ""), visit.session.who, visit.token)
        return Done(f"{_capital(named(run))} has begun.", _address(run))

    async def tell_start(self, visit: Visit, values: Values) -> Telling:
        """What the job does; a forced one has to be wanted twice."""
        kind, subject = chosen(values, "kind", _job_kind), chosen(values, "subject", _subject)
        if kind == "reindex" and values.get("forced"):
            sure = Input("sure", "The index may end up empty, or nearly; I want that", "check")
            return Telling(
                f"Force a re-index of {subject}?",
                _START[kind] + _FORCED,
                "Force the re-index",
                inputs=[sure],
                weight="grave",
            )
        facts = [("Audit", values["audit"])] if values.get("audit") else []
        title, button = _question(kind, subject)
        return Telling(title, _START[kind], button, facts, weight=_weight(kind))

    async def start(self, visit: Visit, values: Values) -> Done:
        """Begin the job."""
        kind, subject = chosen(values, "kind", _job_kind), chosen(values, "subject", _subject)
        run = await self.runs.start_job(kind, subject, visit.session.who, _options(values))
        return Done(f"{_capital(named(run))} has begun.", _address(run))

    async def tell_resync(self, visit: Visit, values: Values) -> Telling:
        """What a re-sync pushes."""
        hint = "In UTC."
        return Telling(
            "Push the returns of some time again?",
            "All returns that changed between the two times are pushed to the index once more, whatever is there. "
            "The ordinary runs go on afterwards from where they were.",
            "Start the re-sync",
            inputs=[Input("start", "Changed after", "time", hint), Input("end", "and up to", "time", hint)],
        )

    async def resync(self, visit: Visit, values: Values) -> Done:
        """Begin a re-sync."""
        start, end = _time(values, "start"), _time(values, "end")
        if end <= start:
            raise invalid_fields({"end": "The second time has to be later than the first."})
        run = await self.runs.resync(start, end, visit.session.who)
        return Done(f"{_capital(named(run))} has begun.", _address(run))

    async def _run(self, visit: Visit, values: Values) -> Run:
        return await self.runs.get(chosen(values, "kind", _kind), values.get("run", ""), visit.token)


def named(run: Run) -> str:
    """A run as sentences call it."""
    match run.kind:
        case "sync":
            purpose = run.purpose or "sync"
            return "this run of the returns sync" if purpose == "sync" else f"this {purpose} of returns"
        case "prices":
            return f"this price run of {bounded(run.subject, 80)}"
        case "reindex":
            return f"this re-index of {run.subject}"
        case _:
            return f"this {run.kind} of {run.subject}"


def _facts(run: Run, now: datetime) -> list[tuple[str, str]]:
    of = f" of {number(run.total)}" if run.total is not None else ""
    facts = [("Run", run.id), ("Status", run.status), ("Records", f"{number(run.done)}{of}")]
    return facts + ([("Error", bounded(run.error, 300))] if run.error else [])


def _weight(kind: RunKind) -> Literal["ordinary", "grave"]:
    return "grave" if kind in ("repair", "reindex") else "ordinary"


def _question(kind: JobKind, subject: Subject) -> tuple[str, str]:
    match kind:
        case "audit":
            return f"Audit {subject}?", "Start the audit"
        case "repair":
            return f"Repair what this audit of {subject} has found?", "Start the repair"
        case "reindex":
            return f"Build the index of {subject} anew?", "Start the re-index"


def _options(values: Values) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if values.get("audit"):
        options["audit"] = values["audit"]
    if values.get("forced"):
        if not values.get("sure"):
            raise Problem(422, "validation-failed", "Tick the box, if you are sure.")
        options["forced"] = True
    return options


def _time(values: Values, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(values.get(name, ""))
        return _time_of_change.validate_python(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError as error:
        raise invalid_fields({name: "is no time at which a return can have changed"}) from error


def _address(run: Run) -> str:
    return f"/console/runs/{run.kind}/{run.id}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


KINDS: tuple[RunKind, ...] = get_args(RunKind)
