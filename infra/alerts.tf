# When somebody has to look. A second apply makes them (alerts_enabled): Cloud Monitoring does not know a new metric of
# logs before some minutes have passed, and refuses alerts on it until then.

locals {
  alert_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  # In the language of metric filters: who is called from outside, and who by queues, schedules and events.
  only = {
    for who, names in {
      public   = local.public_functions
      internal = setsubtract(keys(local.functions), local.public_functions)
    } : who => "resource.label.service_name=one_of(${join(",", [for name in names : jsonencode(name)])})"
  }

  # Counters of ours in PromQL: https://cloud.google.com/monitoring/promql/promql-mapping
  counter = {
    for name in ["sync_finished", "looks"] : name => join("", [
      "logging_googleapis_com:user_",
      replace(google_logging_metric.this[name].name, "/[^A-Za-z0-9]/", "_"),
      "{monitored_resource=\"cloud_run_revision\"}",
    ])
  }

  # Name -> what the notification says, and when it is sent: a condition is that a series (of `only` some, as a share of
  # another) is above a number, lasting so many seconds; each point of it is made of a window of so many. A share or a
  # percentile has to last for longer than its window: one bad call of a function that is called rarely is no alert.
  alerts = {
    dead_letters = {
      severity = "ERROR"
      title    = "work was given up"
      text     = <<-EOT
        Something failed for good, or for the last time. It is kept as a dead letter, which nothing retries by itself.

        **Look**: `python -m functions.ops dead-letters list` shows the errors. The trace of a letter leads to its log
        lines.

        **Do**: mend the cause, then replay the letter, or discard it with a reason (docs/operations.md,
        "Dead letters").
      EOT
      conditions = {
        "A dead letter was added" = { series = "dead_letters", window = 300, above = 0, lasting = 0 }
      }
    }

    down = {
      severity = "CRITICAL"
      title    = "nothing works"
      text     = <<-EOT
        Uptime checks of two regions or more were answered with 503, or not at all: the database does not answer, or the
        function `ops` does not start.

        **Look**: the status of Firestore in the region, and the log of the function `ops`.

        **Do**: if it began with a deployment, go back to the revision before (docs/deploy.md). An outage of Google's
        passes; nothing that was accepted is lost meanwhile.
      EOT
      conditions = {
        "Uptime checks fail" = { series = "uptime_failures", window = 1200, above = 1, lasting = 60 }
      }
    }

    unhealthy = {
      severity = "WARNING"
      title    = "something has been wrong for long"
      text     = <<-EOT
        Every look of the last ${var.thresholds.unhealthy_minutes} minutes found something wrong.

        **Look**: `python -m functions.ops status`, or the operators' page, says what it is and what to do; the log lines
        `health.checked` say since when.

        **Do**: what it says (docs/operations.md).
      EOT
      conditions = {
        "Looks that find something wrong" = {
          series = "unhealthy", window = 600, above = 0, lasting = var.thresholds.unhealthy_minutes * 60
        }
      }
    }

    drift = {
      severity = "WARNING"
      title    = "an audit found drift"
      text     = <<-EOT
        What is kept in two places is not the same in both: the index and the returns, what the supply chain has and the
        products, or images and their renditions. Nothing mends that by itself.

        **Look**: `python -m functions.ops runs list --kind audit` has the audit and its ID;
        `python -m functions.ops audit findings ID` shows what it found, and whose it is.

        **Do**: `python -m functions.ops audit repair ID`, then find out what caused it: drift is not to be.
      EOT
      conditions = {
        "An audit found something" = { series = "drift", window = 300, above = 0, lasting = 0 }
      }
    }

    jobs_failed = {
      severity = "WARNING"
      title    = "an audit, a repair or a re-index failed"
      text     = <<-EOT
        It could not go on, for as often as it was tried. What it had under way is undone: by itself, or by the next of its
        kind if its function died each time.

        **Look**: `python -m functions.ops runs list --kind audit` (or `repair`, `reindex`) has the job and its ID;
        `python -m functions.ops runs show KIND ID` says why it failed, and what it had come to.

        **Do**: mend the cause, then `python -m functions.ops runs resume KIND ID`: it goes on from where it was.
      EOT
      conditions = {
        "A job failed" = { series = "jobs_failed", window = 300, above = 0, lasting = 0 }
      }
    }

    queue_backlog = {
      severity = "WARNING"
      title    = "a queue does not keep up"
      text     = <<-EOT
        More comes in than the queue's function gets done, or the function fails and its tasks wait to be tried again.

        **Look**: does the function answer 5xx, or is it busy? While the supply-chain API is down, supplyChainSync fills
        up by design; it empties when the API is back.

        **Do**: if the function fails, look at its logs. If it is only slow, raise the rates of the queue and the
        max_instances of the function (infra/README.md, "Limits of scale").
      EOT
      conditions = {
        "Tasks pile up" = {
          series = "queue_depth", window = 60, above = var.thresholds.queue_depth, lasting = 900
        }
        "Tasks are attempted late" = {
          series = "queue_delay", window = 300, above = var.thresholds.queue_delay_minutes * 60 * 1000, lasting = 0
        }
      }
    }

    error_rate = {
      severity = "ERROR"
      title    = "a public function fails"
      text     = <<-EOT
        More than ${var.thresholds.error_share * 100} % of its answers are 5xx.

        **Look**: its log lines `request.crashed` (a fault of ours) and `request.unavailable` (of something that we
        call).

        **Do**: if it began with a deployment, go back to the revision before (docs/deploy.md). If it is an outage,
        wait; if it is a quota, have it raised.
      EOT
      conditions = {
        "Share of 5xx" = {
          series = "failures", only = local.only.public, share_of = "requests"
          window = 300, above = var.thresholds.error_share, lasting = 600
        }
      }
    }

    task_error_rate = {
      severity = "ERROR"
      title    = "a background function does little but fail"
      text     = <<-EOT
        More than ${var.thresholds.task_error_share * 100} % of what queues, schedules and events asked of it ended
        as 5xx. Some of that is how work is tried again; this much is not. A function that cannot even start leaves no
        dead letters when its tasks have been tried for the last time.

        **Look**: its log lines `task.failed` and `event.failed`, and whether it starts at all.
        `python -m functions.ops queues list` shows how many tasks wait, and how many of them have been tried before.

        **Do**: `python -m functions.ops queues pause NAME`, mend the cause, `python -m functions.ops queues resume NAME`.
        Tasks that wait are not lost.
      EOT
      conditions = {
        "Share of 5xx" = {
          series = "failures", only = local.only.internal, share_of = "requests"
          window = 300, above = var.thresholds.task_error_share, lasting = 900
        }
      }
    }

    latency = {
      severity = "WARNING"
      title    = "a public function is slow"
      text     = <<-EOT
        One answer in a hundred takes longer than ${var.thresholds.latency_p99_ms} ms.

        **Look**: do its instances come and go, so that many requests meet a cold start? Are all that may be busy?

        **Do**: give it min_instances, more max_instances, or less concurrency if CPU is what it lacks
        (`function_overrides`).
      EOT
      conditions = {
        "99th percentile" = {
          series = "latency", only = local.only.public
          window = 300, above = var.thresholds.latency_p99_ms, lasting = 600
        }
      }
    }

    faults = {
      severity = "WARNING"
      title    = "an error that the code did not expect"
      text     = <<-EOT
        Probably a bug. The work is tried again, or the caller was told 500 and a trace.

        **Look**: the log lines of severity ERROR with this event have the exception and the trace.

        **Do**: mend the code. If it began with a deployment, go back to the revision before (docs/deploy.md).
      EOT
      conditions = {
        "An unexpected error" = { series = "faults", window = 300, above = 0, lasting = 0 }
      }
    }

    turned_away = {
      severity = "WARNING"
      title    = "a function is at its max_instances"
      text     = <<-EOT
        For minutes on end, requests found no instance. Queues and events ask again; people see 429.

        **Look**: the instances and requests of the function, on the dashboard.

        **Do**: raise its max_instances (`function_overrides`), with an eye on what it calls and on the region's quota
        of CPU (infra/README.md, "Limits of scale").
      EOT
      conditions = {
        "Requests without an instance" = { series = "turned_away", window = 60, above = 0, lasting = 300 }
      }
    }

    schedule_failures = {
      severity = "ERROR"
      title    = "a schedule failed, and so did another try"
      text     = <<-EOT
        What it starts waits for its next time. The sweepers then catch up; what comes once a day is a day late.

        **Look**: `python -m functions.ops schedules list` shows how the last attempt of each ended. PERMISSION_DENIED (403): a
        grant is missing. Else: see the log of its function.

        **Do**: mend the cause, then `python -m functions.ops schedules run NAME`.
      EOT
      conditions = {
        "Two failed attempts" = { series = "schedule_failures", window = 1800, above = 1, lasting = 0 }
      }
    }

    # A condition of absence sees only what has been there since the policy was made. This one also tells of a sync that
    # has never finished: https://cloud.google.com/monitoring/alerts/metric-absence
    sync_stale = {
      severity = "CRITICAL"
      title    = "the index of returns falls behind"
      text     = <<-EOT
        No run of the returns sync has finished for ${var.thresholds.sync_stale_minutes} minutes; one begins every 15.
        What changes meanwhile is not found. Nothing is lost: the next run does all that was left.

        **Look**: `python -m functions.ops runs list --kind sync` shows how the last ones ended, and
        `python -m functions.ops dead-letters list` what was given up of returnSync and returnSyncProcessing.
        Is returnsUpdateCron (`python -m functions.ops schedules list`) or one of the two queues
        (`python -m functions.ops queues list`) paused?

        **Do**: resume what is paused without a reason. If Algolia refuses us, mend the key or the plan. A run that died is
        taken over when its lease has lapsed.
      EOT
      query    = "(sum(increase(${local.counter["sync_finished"]}[${var.thresholds.sync_stale_minutes}m])) or vector(0)) == 0"
    }

    # `unhealthy` counts lines that say what is wrong: of no lines at all it hears nothing.
    lookout_silent = {
      severity = "ERROR"
      title    = "nothing looks whether all is well"
      text     = <<-EOT
        No line `health.checked` was logged for 30 minutes; the schedule jobSweeper has one written every 5. Until it
        comes again, the alert `unhealthy` is blind, and a job that has lost its task is not begun anew.

        **Look**: `python -m functions.ops schedules list` shows whether jobSweeper is paused, and how its last attempt
        ended. Is the function job-sweeper there, does it start, what does its log say?

        **Do**: `python -m functions.ops schedules resume jobSweeper` if it is paused. Otherwise mend what its log says,
        then `python -m functions.ops schedules run jobSweeper`.
      EOT
      query    = "(sum(increase(${local.counter["looks"]}[30m])) or vector(0)) == 0"
    }
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = {
    for name, alert in local.alerts : name => alert
    # A sync that is paused, since its room lacks a secret, is not missed.
    if var.alerts_enabled && !(name == "sync_stale" && contains(local.rooms_without_secret, "returns"))
  }

  project               = var.project_id
  display_name          = "${var.prefix}: ${each.value.title}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = local.alert_channels
  user_labels           = local.labels

  dynamic "conditions" {
    for_each = lookup(each.value, "conditions", {})
    content {
      display_name = conditions.key

      condition_threshold {
        filter = join(" AND ", compact([
          local.series[conditions.value.series].of, lookup(conditions.value, "only", ""),
        ]))
        comparison      = "COMPARISON_GT"
        threshold_value = conditions.value.above
        duration        = "${conditions.value.lasting}s"

        aggregations {
          alignment_period     = "${conditions.value.window}s"
          per_series_aligner   = local.series[conditions.value.series].align
          cross_series_reducer = local.series[conditions.value.series].reduce
          group_by_fields      = local.series[conditions.value.series].by
        }

        denominator_filter = (
          can(conditions.value.share_of)
          ? join(" AND ", [local.series[conditions.value.share_of].of, conditions.value.only])
          : null
        )

        dynamic "denominator_aggregations" {
          for_each = can(conditions.value.share_of) ? [local.series[conditions.value.share_of]] : []
          content {
            alignment_period     = "${conditions.value.window}s"
            per_series_aligner   = denominator_aggregations.value.align
            cross_series_reducer = denominator_aggregations.value.reduce
            group_by_fields      = denominator_aggregations.value.by
          }
        }
      }
    }
  }

  dynamic "conditions" {
    for_each = can(each.value.query) ? [each.value.query] : []
    content {
      display_name = "None for too long"

      condition_prometheus_query_language {
        query               = conditions.value
        duration            = "300s"
        evaluation_interval = "60s"
        # A release that brings a metric brings its alert in the same apply, and none yet is as bad as none any more.
        disable_metric_validation = true
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${var.prefix}: ${each.value.title}"
    content   = each.value.text
  }

  alert_strategy {
    # The least there can be: what comes again after that long is told again.
    auto_close = "1800s"
  }
}
