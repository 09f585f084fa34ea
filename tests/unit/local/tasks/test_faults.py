from hypothesis import given
from hypothesis import strategies as st

from infra.local.tasks.faults import parse_fault_plan

rates = st.floats(0, 1)
attempts = st.integers(1, 1000)
ALL = {"duplicate_rate": 1, "delay_rate": 1, "error_rate": 1, "kill_rate": 1}
CREATION = {
    "error": "create_error_rate",
    "lost_answer": "create_lost_answer_rate",
    "hang": "create_hang_rate",
}


@given(st.integers(), rates, st.text(), attempts)
def test_the_choice_depends_on_nothing_else(seed: int, rate: float, task: str, attempt: int) -> None:
    settings = {"seed": seed, "duplicate_rate": rate, "delay_rate": rate}
    assert parse_fault_plan(settings).choose("q", task, attempt) == parse_fault_plan(settings).choose(
        "q", task, attempt
    )


@given(st.integers(), st.text(), attempts)
def test_rates_of_zero_and_one_are_never_and_always(seed: int, task: str, attempt: int) -> None:
    never = parse_fault_plan({"seed": seed}).choose("q", task, attempt)
    always = parse_fault_plan({"seed": seed, **ALL}).choose("q", task, attempt)
    assert (never.duplicate, never.delay, never.error, never.kill) == (False, 0, False, False)
    assert (always.duplicate, always.error, always.kill) == (True, True, True)
    assert 1 <= always.delay <= 60


@given(st.integers(), rates, rates, st.text(), attempts)
def test_one_rate_does_not_change_the_others_choices(
    seed: int, errors: float, kills: float, task: str, attempt: int
) -> None:
    alone = parse_fault_plan({"seed": seed, "error_rate": errors}).choose("q", task, attempt)
    both = parse_fault_plan({"seed": seed, "error_rate": errors, "kill_rate": kills})
    assert both.choose("q", task, attempt).error == alone.error


@given(st.integers(), st.text(), attempts)
def test_a_creation_fails_never_or_always_at_rates_of_zero_and_one(seed: int, task: str, call: int) -> None:
    assert parse_fault_plan({"seed": seed, **ALL}).choose_creation("q", task, call) is None
    for fault, rate in CREATION.items():
        assert parse_fault_plan({"seed": seed, rate: 1}).choose_creation("q", task, call) == fault


@given(st.integers(), rates, st.text(), attempts)
def test_whether_a_creation_fails_depends_on_nothing_else(
    seed: int, rate: float, task: str, call: int
) -> None:
    settings = {"seed": seed, **dict.fromkeys(CREATION.values(), rate)}
    first, second = (parse_fault_plan(settings).choose_creation("q", task, call) for _ in range(2))
    assert first == second


def test_a_rate_is_about_that_often() -> None:
    plan = parse_fault_plan({"seed": 7, "error_rate": 0.1})
    assert 70 <= sum(plan.choose("q", f"t{n}", 1).error for n in range(1000)) <= 130


def test_a_queue_takes_what_it_does_not_say_from_the_general_rates() -> None:
    plan = parse_fault_plan({"error_rate": 1, "queues": {"q": {"kill_rate": 1}, "sound": {"error_rate": 0}}})
    assert (plan.choose("q", "t", 1).error, plan.choose("q", "t", 1).kill) == (True, True)
    assert not plan.choose("sound", "t", 1).error
    assert plan.choose("other", "t", 1).error
