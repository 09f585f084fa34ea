# What is measured: numbers cut from our own log lines (shared/logs.py), beside those that the platform has by itself.
# Alerts (alerts.tf) and charts (dashboard.tf) refer to both by the names that are given here.

locals {
  # A line is told by its message, which is the name of an event. One field, of few values, may become a label.
  events = {
    dead_letters      = { message = "dead_letter.added", label = "queue", counts = "Work that was given up." }
    sync_finished     = { message = "sync.finished", label = null, counts = "Runs of the returns sync that ended." }
    sync_taken_over   = { message = "sync.taken_over", label = null, counts = "Runs of the returns sync that died." }
    batches_pushed    = { message = "batch.pushed", label = null, counts = "Batches of returns sent to the index." }
    deliveries        = { message = "supply_chain.delivered", label = null, counts = "Products' versions delivered." }
    images_rendered   = { message = "image.compressed", label = "outcome", counts = "Images that were rendered." }
    price_runs        = { message = "prices.run_ended", label = "status", counts = "Price runs that ended." }
    storefronts_built = { message = "storefront.built", label = null, counts = "Storefronts that were rebuilt." }
    jobs_ended        = { message = "job.ended", label = "status", counts = "Audits, repairs and re-indexings that ended." }
    looks             = { message = "health.checked", label = null, counts = "Looks at whether all is well." }
    operators_acted   = { message = "operator.acted", label = "what", counts = "What operators did." }
  }

  # A number in a line, and how it is spread: the charts show the highest.
  measures = {
    sync_lag = {
      message = "sync.finished"
      value   = "lag_seconds"
      counts  = "How long the first change of a run of the sync had waited, in seconds."
    }
    index_age = {
      message = "health.checked"
      value   = "lag_seconds"
      counts  = "How far the index was behind, in seconds."
    }
    oldest_pending = {
      message = "health.checked"
      value   = "oldest_pending_seconds"
      counts  = "How long the oldest work had waited, in seconds."
    }
    letters_open = {
      message = "health.checked"
      value   = "dead_letters"
      counts  = "Dead letters that nobody had dealt with."
    }
  }

  log_metrics = merge(
    {
      for name, event in local.events : name => {
        counts   = event.counts
        resource = "cloud_run_revision"
        filter   = "jsonPayload.message=\"${event.message}\""
        labels   = event.label == null ? {} : { (event.label) = "EXTRACT(jsonPayload.${event.label})" }
        by       = event.label == null ? [] : ["metric.label.${event.label}"]
      }
    },
    {
      faults = {
        counts   = "Errors that our code did not expect; dead letters and jobs have numbers of their own."
        resource = "cloud_run_revision"
        filter = join(" AND ", [
          "severity>=ERROR",
          "jsonPayload.logger=~\"^(functions|shared)[.]\"",
          "jsonPayload.message!=\"dead_letter.added\"",
          "jsonPayload.message!=\"job.ended\"",
        ])
        labels = { event = "EXTRACT(jsonPayload.message)" }
        by     = ["metric.label.event"]
      }
      mended = {
        counts   = "Sweeps that found something to mend."
        resource = "cloud_run_revision"
        filter   = "severity>=WARNING AND jsonPayload.message=~\"^[a-z]+[.](swept|orphans_deleted)$\""
        labels   = { event = "EXTRACT(jsonPayload.message)" }
        by       = ["metric.label.event"]
      }
      unhealthy = {
        counts   = "Looks at everything that found something wrong."
        resource = "cloud_run_revision"
        filter   = "jsonPayload.message=\"health.checked\" AND jsonPayload.status!=\"ok\""
        labels   = { status = "EXTRACT(jsonPayload.status)" }
        by       = ["metric.label.status"]
      }
      drift = {
        counts   = "Audits that found something not to be as it should."
        resource = "cloud_run_revision"
        filter   = "jsonPayload.message=\"job.ended\" AND jsonPayload.kind=\"audit\" AND jsonPayload.drift>0"
        labels   = { subject = "EXTRACT(jsonPayload.subject)" }
        by       = ["metric.label.subject"]
      }
      jobs_failed = {
        counts   = "Audits, repairs and re-indexings that failed."
        resource = "cloud_run_revision"
        filter   = "jsonPayload.message=\"job.ended\" AND jsonPayload.status=\"failed\""
        labels   = { kind = "EXTRACT(jsonPayload.kind)" }
        by       = ["metric.label.kind"]
      }
      # The platform's own words: https://cloud.google.com/run/docs/troubleshooting
      turned_away = {
        counts   = "Requests for which there was no instance."
        resource = "cloud_run_revision"
        filter   = "log_id(\"run.googleapis.com/requests\") AND textPayload:\"no available instance\""
        labels   = {}
        by       = ["resource.label.service_name"]
      }
      # https://cloud.google.com/scheduler/docs/viewing-logs
      schedule_failures = {
        counts   = "Attempts of schedules that failed."
        resource = "cloud_scheduler_job"
        filter   = "severity>=ERROR"
        labels   = {}
        by       = ["resource.label.job_id"]
      }
    },
  )

  health_function = "ops"
  public_host     = trimprefix(local.base_url, "https://")

  of_functions = "resource.type=\"cloud_run_revision\""
  of_queues    = "resource.type=\"cloud_tasks_queue\""
  of_database  = "resource.type=\"firestore.googleapis.com/Database\""
  by_function  = ["resource.label.service_name"]
  by_queue     = ["resource.label.queue_id"]

  # Name -> the metric, and how its many series become one for each value of a label. All of Google's:
  # https://cloud.google.com/monitoring/api/metrics_gcp
  series = merge(
    {
      for name, measure in local.measures : name => {
        of = join(" AND ", [
          "metric.type=\"logging.googleapis.com/user/${google_logging_metric.measure[name].name}\"",
          local.of_functions,
        ])
        align  = "ALIGN_DELTA"
        reduce = "REDUCE_PERCENTILE_99"
        by     = []
      }
    },
    {
      for name, metric in local.log_metrics : name => {
        of = join(" AND ", [
          "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this[name].name}\"",
          "resource.type=\"${metric.resource}\"",
        ])
        align  = "ALIGN_DELTA"
        reduce = "REDUCE_SUM"
        by     = metric.by
      }
    },
    {
      requests = {
        of     = "metric.type=\"run.googleapis.com/request_count\" AND ${local.of_functions}"
        align  = "ALIGN_RATE"
        reduce = "REDUCE_SUM"
        by     = local.by_function
      }
      failures = {
        of = join(" AND ", [
          "metric.type=\"run.googleapis.com/request_count\"",
          "metric.label.response_code_class=\"5xx\"",
          local.of_functions,
        ])
        align  = "ALIGN_RATE"
        reduce = "REDUCE_SUM"
        by     = local.by_function
      }
      latency = {
        of     = "metric.type=\"run.googleapis.com/request_latencies\" AND ${local.of_functions}"
        align  = "ALIGN_DELTA"
        reduce = "REDUCE_PERCENTILE_99"
        by     = local.by_function
      }
      instances = {
        of     = "metric.type=\"run.googleapis.com/container/instance_count\" AND ${local.of_functions}"
        align  = "ALIGN_MAX"
        reduce = "REDUCE_SUM"
        by     = local.by_function
      }
      queue_depth = {
        of     = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" AND ${local.of_queues}"
        align  = "ALIGN_MEAN"
        reduce = "REDUCE_SUM"
        by     = local.by_queue
      }
      # By region: whether it was answered with 200.
      uptime_failures = {
        of = join(" AND ", [
          "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\"",
          "resource.type=\"uptime_url\"",
          "resource.label.host=\"${local.public_host}\"",
        ])
        align  = "ALIGN_NEXT_OLDER"
        reduce = "REDUCE_COUNT_FALSE"
        by     = ["resource.label.host"]
      }
      # From when an attempt was due to when it was made, in milliseconds. Nothing tells the age of the oldest task.
      queue_delay = {
        of     = "metric.type=\"cloudtasks.googleapis.com/queue/task_attempt_delays\" AND ${local.of_queues}"
        align  = "ALIGN_DELTA"
        reduce = "REDUCE_PERCENTILE_99"
        by     = local.by_queue
      }
    },
    {
      for operation in ["read", "write", "delete"] : "documents_${operation}" => {
        of     = "metric.type=\"firestore.googleapis.com/document/${operation}_ops_count\" AND ${local.of_database}"
        align  = "ALIGN_RATE"
        reduce = "REDUCE_SUM"
        by     = []
      }
    },
  )
}

resource "google_logging_metric" "this" {
  for_each = local.log_metrics

  project          = var.project_id
  name             = "${var.prefix}/${each.key}"
  description      = each.value.counts
  filter           = "resource.type=\"${each.value.resource}\" AND ${each.value.filter}"
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_metric" "measure" {
  for_each = local.measures

  project     = var.project_id
  name        = "${var.prefix}/${each.key}"
  description = each.value.counts
  filter = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "jsonPayload.message=\"${each.value.message}\"",
    # It is null where nobody can say.
    "jsonPayload.${each.value.value}>=0",
  ])
  value_extractor = "EXTRACT(jsonPayload.${each.value.value})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "1"
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 40
      growth_factor      = 1.5
      scale              = 1
    }
  }

  depends_on = [google_project_service.this]
}

# Asked from three continents every five minutes. Not /ops/healthz: behind Cloud Run, paths that end in z may not arrive.
resource "google_monitoring_uptime_check_config" "health" {
  project          = var.project_id
  display_name     = "${var.prefix}: does anything work"
  period           = "300s"
  timeout          = "20s"
  selected_regions = ["EUROPE", "USA_VIRGINIA", "ASIA_PACIFIC"]
  user_labels      = local.labels

  http_check {
    path         = "/${local.health_function}/health/live"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project_id
      host       = local.public_host
    }
  }

  depends_on = [google_cloud_run_service_iam_member.invoker]
}

# Whom alerts, and the budget, go to.
resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = "${var.prefix}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.this]
}
