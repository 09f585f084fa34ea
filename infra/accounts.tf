# The addresses are put together from the ids, which gives what the accounts' own `email` gives, but while planning:
# a plan then says who gets which grant.
locals {
  account_host = "${var.project_id}.iam.gserviceaccount.com"

  room_email = {
    for room, account in google_service_account.room : room => "${account.account_id}@${local.account_host}"
  }
  build_email     = "${google_service_account.build.account_id}@${local.account_host}"
  tasks_email     = "${google_service_account.tasks.account_id}@${local.account_host}"
  scheduler_email = "${google_service_account.scheduler.account_id}@${local.account_host}"
  events_email    = "${google_service_account.events.account_id}@${local.account_host}"
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

# The three callers. Functions know by the caller what a request is, so no room runs as one of them.
resource "google_service_account" "tasks" {
  account_id   = "${var.prefix}-tasks"
  display_name = "Backstock: Cloud Tasks calls functions as this"

  depends_on = [google_project_service.this]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.prefix}-scheduler"
  display_name = "Backstock: Cloud Scheduler calls functions as this"

  depends_on = [google_project_service.this]
}

resource "google_service_account" "events" {
  account_id   = "${var.prefix}-events"
  display_name = "Backstock: Eventarc calls functions as this"

  depends_on = [google_project_service.this]
}
