# Numbers cut from our own log lines (shared/logs.py), and whom alerts go to. A line is told by its message, which is the
# name of an event; its other fields become labels where there are few values of them.

locals {
  ours = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${local.any_function})"

  # In the language of log filters: "a" OR "b".
  any_function = join(" OR ", [for name in keys(local.functions) : jsonencode(name)])
  any_schedule = join(" OR ", [for name in keys(local.schedules) : jsonencode(name)])

  # Events that are counted: the message of a line, and the field that becomes a label.
  events = {
    dead_letters      = { message = "dead_letter.added", label = "queue", of = "Work that was given up, and waits for an operator." }
    sync_finished     = { message = "sync.finished", label = null, of = "Runs of the returns sync that came to their end." }
    sync_taken_over   = { message = "sync.taken_over", label = null, of = "Runs of the returns sync that died." }
    batches_pushed    = { message = "batch.pushed", label = null, of = "Batches of returns that are in the index." }
    deliveries        = { message = "supply_chain.delivered", label = null, of = "Versions of products that the supply chain took." }
    images_rendered   = { message = "image.compressed", label = "outcome", of = "Ends of the rendering of images." }
    price_runs        = { message = "prices.run_ended", label = "status", of = "Ends of price runs." }
    storefronts_built = { message = "storefront.built", label = null, of = "Storefronts that were rebuilt." }
  }

  log_metrics = merge(
    {
      for name, event in local.events : name => {
        description = event.of
        resource    = "cloud_run_revision"
        filter      = "${local.ours} AND jsonPayload.message=\"${event.message}\""
        labels      = event.label == null ? {} : { (event.label) = "EXTRACT(jsonPayload.${event.label})" }
      }
    },
    {
      faults = {
        description = "Errors that our code did not expect. Dead letters are counted apart."
        resource    = "cloud_run_revision"
        filter = join(" AND ", [
          local.ours, "severity>=ERROR", "jsonPayload.logger=~\"^(functions|shared)[.]\"",
          "NOT jsonPayload.message=\"dead_letter.added\"",
        ])
        labels = { event = "EXTRACT(jsonPayload.message)" }
      }
      mended = {
        description = "Sweeps that found something to mend: to be rare."
        resource    = "cloud_run_revision"
        filter = join(" AND ", [
          local.ours, "severity>=WARNING", "jsonPayload.message=~\"^[a-z]+[.](swept|orphans_deleted)$\"",
        ])
        labels = { event = "EXTRACT(jsonPayload.message)" }
      }
      # The platform's own line: https://cloud.google.com/run/docs/troubleshooting
      turned_away = {
        description = "Requests for which there was no instance, as many as may be being busy."
        resource    = "cloud_run_revision"
        filter = join(" AND ", [
          local.ours, "log_id(\"run.googleapis.com/requests\")", "textPayload:\"no available instance\"",
        ])
        labels = {}
      }
      schedule_failures = {
        description = "Attempts of schedules that failed."
        resource    = "cloud_scheduler_job"
        filter = join(" AND ", [
          "resource.type=\"cloud_scheduler_job\"", "resource.labels.job_id=(${local.any_schedule})", "severity>=ERROR",
        ])
        labels = {}
      }
    },
  )

  # Name -> how alerts and charts select that metric.
  counted = {
    for name, metric in local.log_metrics : name => join(" AND ", [
      "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this[name].name}\"",
      "resource.type=\"${metric.resource}\"",
    ])
  }

  # The same for what the platform measures, of our functions and queues. Delays are of attempts, from when they were due;
  # nothing tells the age of the oldest task. https://cloud.google.com/monitoring/api/metrics_gcp
  our_functions = "resource.type=\"cloud_run_revision\" AND resource.label.service_name=one_of(${join(",", [for name in keys(local.functions) : jsonencode(name)])})"
  our_queues    = "resource.type=\"cloud_tasks_queue\" AND resource.label.queue_id=one_of(${join(",", [for name in keys(local.queues) : jsonencode(name)])})"
  measured = {
    requests     = "metric.type=\"run.googleapis.com/request_count\" AND ${local.our_functions}"
    failures     = "metric.type=\"run.googleapis.com/request_count\" AND metric.label.response_code_class=\"5xx\" AND ${local.our_functions}"
    latencies    = "metric.type=\"run.googleapis.com/request_latencies\" AND ${local.our_functions}"
    instances    = "metric.type=\"run.googleapis.com/container/instance_count\" AND ${local.our_functions}"
    queue_depth  = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" AND ${local.our_queues}"
    queue_delays = "metric.type=\"cloudtasks.googleapis.com/queue/task_attempt_delays\" AND ${local.our_queues}"
    reads        = "metric.type=\"firestore.googleapis.com/document/read_ops_count\" AND resource.type=\"firestore.googleapis.com/Database\""
    writes       = "metric.type=\"firestore.googleapis.com/document/write_ops_count\" AND resource.type=\"firestore.googleapis.com/Database\""
    deletes      = "metric.type=\"firestore.googleapis.com/document/delete_ops_count\" AND resource.type=\"firestore.googleapis.com/Database\""
  }

  alert_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
}

resource "google_logging_metric" "this" {
  for_each = local.log_metrics

  project          = var.project_id
  name             = "${var.prefix}/${each.key}"
  description      = each.value.description
  filter           = each.value.filter
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

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = "${var.prefix}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.this]
}
