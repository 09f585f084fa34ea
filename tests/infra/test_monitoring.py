"""What is counted is logged, what alerts say can be acted upon, and the dashboard shows what is counted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.ops.health_api import HealthApi
from infra.topology import Topology
from shared.openapi import Operation
from tests.infra.names import PROJECT, REGION
from tests.infra.terraform import Plan, Values

ROOT = Path(__file__).parents[2]
_EVENT = re.compile(r'"([a-z_]+\.[a-z_]+)"')
_MESSAGE = re.compile(r'jsonPayload\.message(=~?)"([^"]+)"')


@pytest.fixture(scope="session")
def logged() -> set[str]:
    """The names of events that occur in the code."""
    files = [file for folder in ("functions", "shared") for file in (ROOT / folder).rglob("*.py")]
    return {event for file in files for event in _EVENT.findall(file.read_text(encoding="utf-8"))}


def _log_metrics(plan: Plan) -> dict[str, Values]:
    return plan.of("google_logging_metric.this")


def _conditions(plan: Plan) -> Iterator[tuple[str, Values]]:
    for name, policy in plan.of("google_monitoring_alert_policy.this").items():
        for condition in policy["conditions"]:
            yield from ((name, threshold) for threshold in condition["condition_threshold"])


def test_an_event_that_is_counted_is_one_that_the_code_logs(delivered: Plan, logged: set[str]) -> None:
    for name, metric in _log_metrics(delivered).items():
        for operator, message in _MESSAGE.findall(metric["filter"]):
            pattern = message if operator == "=~" else re.escape(message)
            found = [event for event in logged if re.fullmatch(pattern.strip("^$"), event)]
            assert found, f"monitoring.tf: {name} counts {message!r}, which nothing logs"


def test_a_counted_metric_has_a_chart(delivered: Plan) -> None:
    dashboard = delivered.the("google_monitoring_dashboard.this")["dashboard_json"]
    for metric in _log_metrics(delivered).values():
        assert f"logging.googleapis.com/user/{metric['name']}" in dashboard, "dashboard.tf: add it to a chart"


def test_charts_are_of_a_metric_each(delivered: Plan) -> None:
    dashboard = json.loads(delivered.the("google_monitoring_dashboard.this")["dashboard_json"])
    for widget in dashboard["gridLayout"]["widgets"]:
        for series in widget["xyChart"]["dataSets"]:
            series_filter = series["timeSeriesQuery"]["timeSeriesFilter"]["filter"]
            assert series_filter.count("metric.type=") == series_filter.count("resource.type=") == 1


def test_an_alert_says_where_to_look_and_what_to_do_and_tells_somebody(complete: Plan) -> None:
    policies = complete.all("google_monitoring_alert_policy.this")
    assert {"dead_letters", "sync_stale", "queue_backlog", "error_rate", "latency"} <= policies.keys()
    for policy in policies.values():
        (documentation,) = policy.values["documentation"]
        assert "**Look**" in documentation["content"]
        assert "**Do**" in documentation["content"]
        assert policy.later["notification_channels"] == [True]


def test_uptime_checks_ask_what_arrives_and_needs_no_token(complete: Plan) -> None:
    check = complete.the("google_monitoring_uptime_check_config.health")
    ((http,), (asked,)) = check["http_check"], check["monitored_resource"]
    function, _, path = http["path"].removeprefix("/").partition("/")
    assert (function, http["use_ssl"], http["validate_ssl"]) == ("ops", True, True)
    routes = {route.path: route for route in HealthApi(None, None, None).routes()}  # type: ignore[arg-type]
    assert Operation.of(routes[f"/{path}"].endpoint).roles == (), "nobody gives an uptime check a token"
    assert not path.endswith("z"), "Cloud Run keeps some paths that end in z: ask for /health/live"
    assert asked["labels"]["host"] == f"{REGION}-{PROJECT}.cloudfunctions.net"


def test_what_lasts_is_told_and_what_passes_is_not(complete: Plan) -> None:
    """A sync that is late for a quarter of an hour is no reason to wake anybody."""
    (condition,) = (each for name, each in _conditions(complete) if name == "unhealthy")
    (aggregation,) = condition["aggregations"]
    assert int(condition["duration"].rstrip("s")) >= 15 * 60
    assert int(aggregation["alignment_period"].rstrip("s")) >= 2 * 300, "there is a look every five minutes"


def test_one_bad_call_of_a_quiet_function_is_no_alert(complete: Plan) -> None:
    """A share or a percentile of one call stays in the window for as long as the window is."""
    for name, condition in _conditions(complete):
        (aggregation,) = condition["aggregations"]
        if condition["denominator_filter"] or name == "latency":
            lasting, window = (
                int(text.rstrip("s")) for text in (condition["duration"], aggregation["alignment_period"])
            )
            assert lasting > window, name


def test_shares_are_of_the_same_functions(complete: Plan) -> None:
    for _, condition in _conditions(complete):
        if whole := condition["denominator_filter"]:
            assert set(whole.split(" AND ")) < set(condition["filter"].split(" AND "))
            assert condition["denominator_aggregations"] == condition["aggregations"]


@pytest.mark.parametrize(
    ("alert", "metric", "message"),
    [("sync_stale", "sync_finished", "sync.finished"), ("lookout_silent", "looks", "health.checked")],
)
def test_what_never_came_is_noticed_too(alert: str, metric: str, message: str, complete: Plan) -> None:
    (condition,) = complete.of("google_monitoring_alert_policy.this")[alert]["conditions"]
    (promql,) = condition["condition_prometheus_query_language"]
    assert f"logging_googleapis_com:user_backstock_{metric}{{" in promql["query"]
    assert "or vector(0)" in promql["query"], "without it, there is no answer where there is no metric"
    assert promql["disable_metric_validation"], "an apply that brings the metric brings the alert too"
    counted = _log_metrics(complete)[metric]["filter"]
    assert counted.endswith(f'jsonPayload.message="{message}"'), "all such lines, not only the bad ones"


def test_a_lookout_is_missed_before_long_and_not_for_one_look(complete: Plan, topology: Topology) -> None:
    """All else that says that something is wrong comes of its looks."""
    assert topology.schedules["jobSweeper"].cron == "*/5 * * * *"
    (condition,) = complete.of("google_monitoring_alert_policy.this")["lookout_silent"]["conditions"]
    (promql,) = condition["condition_prometheus_query_language"]
    (minutes,) = re.findall(r"\[(\d+)m\]", promql["query"])
    assert 3 * 5 <= int(minutes) <= 60


def test_every_alert_is_in_the_runbook(complete: Plan) -> None:
    table = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    missing = [
        name for name in complete.of("google_monitoring_alert_policy.this") if f"| `{name}` |" not in table
    ]
    assert not missing, "docs/operations.md: say of each alert when it comes and what to do first"
