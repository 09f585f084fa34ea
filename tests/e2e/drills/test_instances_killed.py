"""Drill: function instances are killed at random while everybody is at work.

``DRILL_MINUTES=10`` makes it as long as that, ``DRILL_SEED=7`` has people do other things.
"""

import os

import pytest

from tests.e2e.drills.load import Load
from tests.e2e.drills.night import Night
from tests.e2e.harness import LocalCloud

pytestmark = pytest.mark.long

SEED = int(os.environ.get("DRILL_SEED", "43"))
SECONDS = 60 * float(os.environ.get("DRILL_MINUTES", "0.5"))


def test_instances_are_killed_at_random(system: LocalCloud) -> None:
    night = Night(
        system, f"Drill: instances are killed at random during {SECONDS:.0f} s of load (seed {SEED})"
    )
    load = Load(night, SEED)
    load.open_for_business()
    assert night.say_health()["status"] == "ok"
    load.work_for(SECONDS)
    _tell(night, load)
    assert load.done["kill"]
    night.say_health()
    load.until_quiet()
    load.check()
    night.check_all_is_well()


def _tell(night: Night, load: Load) -> None:
    work = dict(load.done)
    night.note(
        f"{work.pop('kill', 0)} kills; {', '.join(f'{count} x {name}' for name, count in sorted(work.items()))}"
    )
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(load.answers.items()))
    night.note(f"answers: {answers}")
