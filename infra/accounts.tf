# The addresses are put together from the ids, which gives what the accounts' own `email` gives, but while planning:
# a plan then says who gets which grant.
locals {
  account_host = "${var.project_id}.iam.gserviceaccount.com"

  room_email = {
    for room, account in google_service_account.room : room => "${account.account_id}@${local.account_host}"
  }
  build_email = "${google_service_account.build.account_id}@${local.account_host}"
  caller_email = {
    for access, account in google_service_account.caller : access => "${account.account_id}@${local.account_host}"
  }

  # Who may call a function, by its access.
  invoker = merge(
    # It asks for a user's token itself.
    { public = "allUsers" },
    { for access, email in local.caller_email : access => "serviceAccount:${email}" },
  )
}

resource "google_service_account" "room" {
  for_each = local.rooms

  account_id   = "${var.prefix}-${replace(each.value, "_", "-")}"
  display_name = "Backstock: functions of the room ${each.value}"

  depends_on = [google_project_service.this]
}

resource "google_service_account" "build" {
  account_id   = "${var.prefix}-build"
  display_name = "Backstock: builds the functions"

  depends_on = [google_project_service.this]
}

# Functions know by the caller what a request is, so no room runs as one of these.
resource "google_service_account" "caller" {
  for_each = {
    tasks     = "Cloud Tasks"
    scheduler = "Cloud Scheduler"
    events    = "Eventarc"
  }

  account_id   = "${var.prefix}-${each.key}"
  display_name = "Backstock: ${each.value} calls functions as this"

  depends_on = [google_project_service.this]
}
