# A queue that is deleted loses its tasks, and for up to three days no queue of its name can be made, though making one
# seems to succeed: https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues/delete
# To stop one, pause it (`python -m functions.ops queues pause NAME`). desired_state is not set, so that no plan is about
# whether a queue is paused.
resource "google_cloud_tasks_queue" "this" {
  for_each = local.queues

  name     = each.key
  location = var.region

  rate_limits {
    max_dispatches_per_second = each.value.max_dispatches_per_second
    max_concurrent_dispatches = each.value.max_concurrent_dispatches
  }

  retry_config {
    max_attempts       = each.value.max_attempts
    max_retry_duration = each.value.max_retry_duration
    min_backoff        = each.value.min_backoff
    max_backoff        = each.value.max_backoff
    max_doublings      = each.value.max_doublings
  }

  # A tenth shows what a queue is doing. Functions log each task that fails, and lines are paid for by the byte.
  stackdriver_logging_config {
    sampling_ratio = 0.1
  }

  depends_on = [google_project_service.this]
}
