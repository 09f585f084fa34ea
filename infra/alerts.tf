# When somebody has to look. They are made by a second apply (alerts_enabled): Cloud Monitoring does not know a new metric
# of logs before some minutes have passed, and refuses alerts on it until then.
#
# A condition over a ratio or a percentile holds for longer than its window, so that one bad call of a function that is
# called rarely is no alert.

locals {
  # In the language of metric filters: of what is public, and of what queues, schedules and events call.
  public_functions   = "resource.label.service_name=one_of(${join(",", [for name in local.functions_by_access.public : jsonencode(name)])})"
  internal_functions = "resource.label.service_name=one_of(${join(",", [for name in setsubtract(keys(local.functions), local.functions_by_access.public) : jsonencode(name)])})"

  # A counter of ours in PromQL: https://cloud.google.com/monitoring/promql/promql-mapping
  syncs_finished = "logging_googleapis_com:user_${replace(google_logging_metric.this["sync_finished"].name, "/[^A-Za-z0-9]/", "_")}{monitored_resource=\"cloud_run_revision\"}"

  # Name -> what it means, where to look and what to do (all of it in the notification), and when.
  # An alert of `conditions` compares metrics with thresholds; one of `query` asks in PromQL.
  alerts = {
    dead_letters = {
      severity = "ERROR"
      title    = "work was given up"
      means    = "A task failed for good, or its last attempt did. It is kept as a dead letter, and nothing retries it by itself."
      look     = "`python -m functions.ops dead-letters list` shows the errors; the trace of a letter leads to its log lines."
      act      = "Mend the cause, then replay the letter, or discard it with a reason: docs/operations.md, \"Dead letters\"."
      conditions = {
        "A dead letter was added" = {
          filter = local.counted.dead_letters, over = null, window = 300, align = "ALIGN_DELTA", reduce = "REDUCE_SUM"
          by     = ["metric.label.queue"], above = 0, for = 0
        }
      }
    }

    queue_backlog = {
      severity = "WARNING"
      title    = "a queue does not keep up"
      means    = "More comes in than the queue's function gets done, or the function fails and its tasks wait to be tried again."
      look     = "The dashboard: does the depth grow, and does the queue's function answer 5xx? A partner that is down fills supplyChainSync by design; it empties when the partner is back."
      act      = "If the function fails, see its logs. If it is only slow, raise the queue's rates or the function's max_instances: infra/README.md, \"Limits of scale\"."
      conditions = {
        "Tasks pile up" = {
          filter = local.measured.queue_depth, over = null, window = 60, align = "ALIGN_MEAN", reduce = "REDUCE_SUM"
          by     = ["resource.label.queue_id"], above = var.thresholds.queue_depth, for = 900
        }
        "Tasks are attempted late" = {
          filter = local.measured.queue_delays, over = null, window = 300, align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_99"
          by     = ["resource.label.queue_id"], above = var.thresholds.queue_delay_minutes * 60 * 1000, for = 0
        }
      }
    }

    error_rate = {
      severity = "ERROR"
      title    = "a public function fails"
      means    = "More than ${var.thresholds.error_share * 100} % of the answers to callers are 5xx."
      look     = "Log lines `request.crashed` (a fault of ours) and `request.unavailable` (something that we call) of the function."
      act      = "If it began with a deployment, go back to the revision before: docs/deploy.md. If it is a quota or an outage, wait or raise the quota."
      conditions = {
        "Share of 5xx" = {
          filter = "${local.measured.failures} AND ${local.public_functions}", over = "${local.measured.requests} AND ${local.public_functions}"
          window = 300, align = "ALIGN_RATE", reduce = "REDUCE_SUM"
          by     = ["resource.label.service_name"], above = var.thresholds.error_share, for = 600
        }
      }
    }

    task_error_rate = {
      severity = "ERROR"
      title    = "a background function does next to nothing but fail"
      means    = "More than ${var.thresholds.task_error_share * 100} % of what queues, schedules and events called answered 5xx. Some of it is how work is tried again; this much is not. A function that cannot even start loses its tasks after their last attempt, without dead letters."
      look     = "Log lines `task.failed` and `event.failed` of the function, and whether it starts at all."
      act      = "Pause its queue (`gcloud tasks queues pause`) while you mend the cause, and resume it then: tasks that wait are not lost."
      conditions = {
        "Share of 5xx" = {
          filter = "${local.measured.failures} AND ${local.internal_functions}", over = "${local.measured.requests} AND ${local.internal_functions}"
          window = 300, align = "ALIGN_RATE", reduce = "REDUCE_SUM"
          by     = ["resource.label.service_name"], above = var.thresholds.task_error_share, for = 900
        }
      }
    }

    latency = {
      severity = "WARNING"
      title    = "a public function is slow"
      means    = "One answer in a hundred takes longer than ${var.thresholds.latency_p99_ms} ms."
      look     = "The dashboard: do instances come and go (cold starts), or are all of max_instances busy?"
      act      = "Give it min_instances or more max_instances (function_overrides), or less concurrency if its CPU is what is short."
      conditions = {
        "99th percentile" = {
          filter = "${local.measured.latencies} AND ${local.public_functions}", over = null, window = 300, align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_99"
          by     = ["resource.label.service_name"], above = var.thresholds.latency_p99_ms, for = 600
        }
      }
    }

    faults = {
      severity = "WARNING"
      title    = "an error that the code did not expect"
      means    = "Probably a bug. The work is tried again, or the caller was told 500 and a trace."
      look     = "Log lines of severity ERROR with this event; they have the exception and the trace."
      act      = "Mend the code; if it began with a deployment, go back to the revision before: docs/deploy.md."
      conditions = {
        "An unexpected error" = {
          filter = local.counted.faults, over = null, window = 300, align = "ALIGN_DELTA", reduce = "REDUCE_SUM"
          by     = ["metric.label.event"], above = 0, for = 0
        }
      }
    }

    turned_away = {
      severity = "WARNING"
      title    = "a function is at its max_instances"
      means    = "For minutes on end, requests found no instance and were turned away. Queues and events come back; people see 429."
      look     = "The dashboard: instances and requests of the function."
      act      = "Raise its max_instances (function_overrides), mind what it calls, and the region's CPU quota: infra/README.md, \"Limits of scale\"."
      conditions = {
        "Requests without an instance" = {
          filter = local.counted.turned_away, over = null, window = 60, align = "ALIGN_DELTA", reduce = "REDUCE_SUM"
          by     = ["resource.label.service_name"], above = 0, for = 300
        }
      }
    }

    schedule_failures = {
      severity = "ERROR"
      title    = "a schedule fails, and again when it is tried again"
      means    = "What it starts does not happen until its next time. Sweepers catch up by themselves; storefrontNightly and imageOrphanSweeper come once a day."
      look     = "The job's logs in Cloud Scheduler (403: its grant is missing; 5xx: the function's own logs)."
      act      = "Mend the cause, then `gcloud scheduler jobs run JOB --location=${var.region}`."
      conditions = {
        "Two failed attempts" = {
          filter = local.counted.schedule_failures, over = null, window = 1800, align = "ALIGN_DELTA", reduce = "REDUCE_SUM"
          by     = ["resource.label.job_id"], above = 1, for = 0
        }
      }
    }

    # Absence of a metric is only noticed where there has been one. This also tells of a sync that never finished since
    # it was deployed.
    sync_stale = {
      severity = "CRITICAL"
      title    = "the search index of returns falls behind"
      means    = "No run of the returns sync has finished for ${var.thresholds.sync_stale_minutes} minutes; one is started every 15. What changes meanwhile is not found, but nothing is lost: the next run does the whole window."
      look     = "The newest of `return_sync_runs` in Firestore, dead letters of returnSync and returnSyncProcessing, and whether returnsUpdateCron is paused."
      act      = "If Algolia refuses us, mend the key or the quota. A run that died is taken over by a later one when its lease has lapsed."
      query    = "(sum(increase(${local.syncs_finished}[${var.thresholds.sync_stale_minutes}m])) or vector(0)) == 0"
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
        filter             = conditions.value.filter
        denominator_filter = conditions.value.over
        comparison         = "COMPARISON_GT"
        threshold_value    = conditions.value.above
        duration           = "${conditions.value.for}s"

        aggregations {
          alignment_period     = "${conditions.value.window}s"
          per_series_aligner   = conditions.value.align
          cross_series_reducer = conditions.value.reduce
          group_by_fields      = conditions.value.by
        }

        dynamic "denominator_aggregations" {
          for_each = conditions.value.over == null ? [] : [conditions.value]
          content {
            alignment_period     = "${denominator_aggregations.value.window}s"
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
      display_name = "Nothing for too long"

      condition_prometheus_query_language {
        query               = conditions.value
        duration            = "300s"
        evaluation_interval = "60s"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${var.prefix}: ${each.value.title}"
    content   = "**Means**: ${each.value.means}\n\n**Look**: ${each.value.look}\n\n**Do**: ${each.value.act}"
  }

  alert_strategy {
    # The least there can be: what comes after that long is told again.
    auto_close = "1800s"
  }
}
