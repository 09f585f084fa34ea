# Tells when the month's bill reaches, or is about to reach, a part of what was planned. It stops nothing.

locals {
  # A budget takes five of them: https://cloud.google.com/billing/docs/how-to/budgets-notification-recipients
  budget_channels = slice(local.alert_channels, 0, min(5, length(local.alert_channels)))
}

resource "google_billing_budget" "this" {
  count = var.budget_amount == null ? 0 : 1

  billing_account = var.billing_account
  display_name    = "${var.prefix} (${var.project_id})"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  # In the currency of the billing account.
  amount {
    specified_amount {
      units = tostring(var.budget_amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  # Those who administer the billing account are told in any case.
  dynamic "all_updates_rule" {
    for_each = length(local.budget_channels) > 0 ? [local.budget_channels] : []
    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }

  depends_on = [google_project_service.this]
}
