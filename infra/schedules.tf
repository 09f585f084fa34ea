resource "google_cloud_scheduler_job" "this" {
  for_each = local.schedules

  name             = each.key
  description      = "Calls ${each.value.target}"
  schedule         = each.value.cron
  time_zone        = each.value.time_zone
  attempt_deadline = each.value.deadline
  # What a room lacks a key for would only fail, every few minutes. What operators have paused has to be named: an apply
  # resumes the rest. Null would be no way to leave it alone: to the provider, what is not set is "enabled".
  paused = contains(local.rooms_without_secret, local.functions[each.value.target].room) || contains(var.paused_schedules, each.key)

  http_target {
    http_method = "POST"
    uri         = local.function_url[each.value.target]

    oidc_token {
      service_account_email = local.caller_email["scheduler"]
      audience              = local.function_url[each.value.target]
    }
  }

  retry_config {
    retry_count = each.value.retry_count
  }

  depends_on = [google_cloud_run_service_iam_member.invoker]
}
