"""A running system at night: its operator, the time that passes, what goes wrong, and a log of the drill."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import httpx

from tests.e2e.harness import LocalCloud

# Longer than the longest pause of a queue that is not the supply chain's, and no longer than sweepers take to come.
STEP = timedelta(minutes=5)
# Whoever waits for something to show waits this long, in real time, on a machine that may be slow.
PATIENCE_SECONDS = 60.0
OPERATOR = "olga"
SUBJECTS = ("returns", "products", "images")
_SENTENCE = re.compile('<h2 id="health-sentence"[^>]*>(.*?)</h2>', re.DOTALL)


class Night:
    """One drill on one local cloud.

    Everything an operator does here is what the runbook tells: it goes through ``/ops`` with an operator's token.
    """

    def __init__(self, cloud: LocalCloud, title: str) -> None:
        self.cloud = cloud
        self._began = self.now()
        _print(f"\n{title}")

    def note(self, text: str) -> None:
        """Add a line to the log of the drill, with the hours and minutes since it began."""
        minutes = round((self.now() - self._began).total_seconds() / 60)
        _print(f"  {minutes // 60:02}:{minutes % 60:02}  {text}")

    # The clock and what goes wrong

    def now(self) -> datetime:
        """The time that all go by."""
        return datetime.fromisoformat(self._got("/_local/clock")["now"])

    def advance(self, by: timedelta) -> None:
        """Let time pass, and go on at once."""
        self.told("POST", "/_local/clock:advance", {"seconds": by.total_seconds()})

    def settle(self) -> None:
        """Let all that is due come to its end."""
        self.told("POST", "/_local/idle?timeout=60")

    def pass_time(self, by: timedelta, step: timedelta = STEP) -> None:
        """Let time pass step by step, each with all that falls due in it."""
        until = self.now() + by
        while (left := until - self.now()) > timedelta(0):
            self.advance(min(step, left))
            self.settle()

    def break_(self, **faults: Any) -> None:
        """What goes wrong from now on; nothing else does."""
        self.told("PUT", "/_local/faults", faults)

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        self.break_()

    def run_schedule(self, name: str) -> None:
        """Have a schedule fire now."""
        self.told("POST", f"/_local/schedules/{name}:run")

    def told(self, method: str, control: str, body: dict[str, Any] | None = None) -> None:
        """Use a control, which must succeed."""
        answer = self.cloud.http.request(method, control, json=body, timeout=90)
        assert answer.is_success, f"{control}: {answer.text}\n{self.cloud.text}"

    def tasks(self, queue: str) -> list[dict[str, Any]]:
        """The tasks of a queue."""
        return list(self._got(f"/_local/queues/{queue}/tasks")["tasks"])

    # The operator

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """An operator's request, with a fresh token, since the clock may have leapt meanwhile."""
        headers = self.cloud.token("ops", sub=OPERATOR)
        return self.cloud.http.request(method, f"/ops{path}", headers=headers, **request)

    def asked(self, method: str, path: str, **request: Any) -> Any:
        """What an operator's request is answered, which must succeed."""
        answer = self.ask(method, path, **request)
        assert answer.is_success, f"{method} /ops{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def health(self) -> dict[str, Any]:
        """What health says: ``status``, ``sentence`` and ``checks``."""
        return dict(self.asked("GET", "/health"))

    def say_health(self) -> dict[str, Any]:
        """The same, noted in the log, with the sentence as the page has it."""
        health, sentence = self.health(), self.page()
        self.note(f"the page: {sentence}")
        assert _verdict(sentence) == _verdict(health["sentence"]), (sentence, health["sentence"])
        return health

    def page(self) -> str:
        """The sentence at the top of the operators' page, for somebody who has just signed in."""
        token = self.cloud.token("ops", sub=OPERATOR)["Authorization"].removeprefix("Bearer ")
        headers = {"Accept": "text/html", "Origin": self.cloud.base_url}
        with httpx.Client(base_url=self.cloud.base_url, timeout=30, headers=headers) as browser:
            entered = browser.post("/ops/console/sign-in", data={"token": token})
            assert entered.status_code == 303, entered.text
            page = browser.get("/ops").raise_for_status().text
        found = _SENTENCE.search(page)
        assert found, page
        return unescape(re.sub("<[^>]*>", "", found[1])).strip()

    def letters(self) -> list[dict[str, Any]]:
        """The open dead letters."""
        return list(self.asked("GET", "/dead-letters?status=open&limit=100")["dead_letters"])

    def replay_all(self) -> int:
        """Replay all open letters, queue by queue, until nothing of it is under way. How many they were."""
        queues = sorted({letter["queue"] for letter in self.letters()})
        replayed = 0
        for queue in queues:
            answer = self.asked("POST", "/dead-letters:replay", json={"queue": queue, "limit": 500})
            assert answer["failed"] == [], answer
            replayed += answer["replayed"]
            self.note(f"{queue}: {answer['replayed']} replayed")
        self.settle()
        return replayed

    def runs(self, kind: str) -> list[dict[str, Any]]:
        """The newest runs of a kind."""
        return list(self.asked("GET", f"/runs?kind={kind}&limit=100")["runs"])

    def start(self, kind: str, subject: str, **options: Any) -> str:
        """Begin a job; its id."""
        return str(self.asked("POST", "/jobs", json={"kind": kind, "subject": subject, **options})["id"])

    def run(self, kind: str, run_id: str) -> dict[str, Any]:
        """One run."""
        return dict(self.asked("GET", f"/runs/{kind}/{run_id}"))

    def ended(self, kind: str, run_id: str) -> dict[str, Any]:
        """A run, once it has ended: time passes meanwhile."""
        for _ in range(60):
            self.settle()
            found = self.run(kind, run_id)
            if found["status"] not in ("waiting", "running", "cancelling"):
                return found
            self.advance(timedelta(minutes=1))
        raise AssertionError(f"{kind} {run_id} does not end: {found}")

    def audit(self, subject: str) -> dict[str, Any]:
        """Audit a subject, to the end. What was found, by name."""
        audit = self.ended("audit", self.start("audit", subject))
        assert audit["status"] == "done", audit
        counts = dict(audit["counts"])
        found = ", ".join(f"{counts[name]} {name}" for name in sorted(counts))
        self.note(f"audit of {subject}: {found or 'nothing there'}")
        return counts

    # The end

    def quiet(self, within: timedelta = timedelta(hours=12)) -> None:
        """Let time pass until nothing waits, in any queue or bucket, or for a sweeper."""
        until = self.now() + within
        while waiting := self._waiting():
            assert self.now() < until, f"still waiting: {waiting}"
            self.pass_time(STEP)

    def _waiting(self) -> list[str]:
        self.settle()
        queues = self._got("/_local/queues")
        events = self.cloud.http.get("/_local/events").raise_for_status().json()
        return [
            *(f"{name}: {queue['depth']} tasks" for name, queue in queues.items() if queue["depth"]),
            *(f"event of {event['subject']}" for event in events),
        ]

    def check_all_is_well(self) -> None:
        """No letter is open, no run is stuck, three audits find nothing, and health says that all is well."""
        assert self.letters() == []
        for kind in ("sync", "prices", "audit", "repair", "reindex"):
            stuck = [run for run in self.runs(kind) if run["status"] in ("waiting", "running", "cancelling")]
            assert not stuck, stuck
        for subject in SUBJECTS:
            counts = self.audit(subject)
            assert not drift(counts), (subject, counts)
        health = self.say_health()
        assert health["status"] == "ok", [check for check in health["checks"] if check["status"] != "ok"]

    def _got(self, control: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.cloud.http.get(control, timeout=90).raise_for_status().json()
        return answer


def until(condition: Callable[[], Any], what: str) -> Any:
    """Ask again and again until ``condition`` gives something; what it gave."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"never: {what}"
    return found


def drift(counts: Mapping[str, int]) -> int:
    """How much an audit has found that is not as it should be."""
    return sum(counts.get(name, 0) for name in ("missing", "extra", "different"))


def _verdict(sentence: str) -> str:
    return sentence.partition(":")[0]


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # the log of a drill is what a person runs it for
