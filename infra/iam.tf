# What rooms, the build and the platform's callers may do. Grants on buckets are in buckets.tf, those to call a function
# in functions.tf, those on a secret in secrets.tf.

# Firestore has no grants by collection: a room may read and write all documents, and change none of the database's
# settings.
resource "google_project_iam_member" "firestore" {
  for_each = local.rooms

  project = var.project_id
  role    = "roles/datastore.user"
  member  = "serviceAccount:${local.room_email[each.value]}"
}

resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  for_each = local.enqueuers

  location = var.region
  name     = google_cloud_tasks_queue.this[each.value.queue].name
  role     = "roles/cloudtasks.enqueuer"
  member   = "serviceAccount:${local.room_email[each.value.room]}"
}

# A task names the account that it is delivered as, and only who may act as that account may name it.
resource "google_service_account_iam_member" "acts_as_tasks" {
  for_each = local.rooms_that_enqueue

  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.caller_email["tasks"]}"
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${local.room_email[each.value]}"
}

# Links to a bucket are signed through the IAM API, with the account's own key that only Google has.
resource "google_service_account_iam_member" "signs" {
  for_each = local.rooms_that_sign

  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.room_email[each.value]}"
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${local.room_email[each.value]}"
}

# Operators look at schedules and queues, stop them and let them go on. Google's own roles for that may delete them too.
# https://cloud.google.com/iam/docs/roles-permissions/cloudscheduler
resource "google_project_iam_custom_role" "steers_schedules" {
  project     = var.project_id
  role_id     = "${replace(var.prefix, "-", "_")}_steers_schedules"
  title       = "Backstock: sees, pauses, resumes and runs schedules"
  description = "For the operators' page and command line; schedules cannot be made, changed or deleted with it."
  permissions = [
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.list",
    "cloudscheduler.jobs.pause",
    "cloudscheduler.jobs.run",
  ]

  depends_on = [google_project_service.this]
}

# Schedules have no grants of their own.
resource "google_project_iam_member" "steers_schedules" {
  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.steers_schedules.role_id}"
  member  = "serviceAccount:${local.room_email[local.operators]}"
}

# https://cloud.google.com/tasks/docs/secure-queue-configuration
resource "google_project_iam_custom_role" "steers_queue" {
  project     = var.project_id
  role_id     = "${replace(var.prefix, "-", "_")}_steers_queue"
  title       = "Backstock: sees, pauses and resumes a queue"
  description = "For the operators' page and command line; neither the queue nor its tasks can be changed or deleted with it."
  permissions = [
    "cloudtasks.queues.get",
    "cloudtasks.queues.pause",
    "cloudtasks.queues.resume",
    "cloudtasks.tasks.list",
  ]

  depends_on = [google_project_service.this]
}

resource "google_cloud_tasks_queue_iam_member" "operator" {
  for_each = local.queues

  location = var.region
  name     = google_cloud_tasks_queue.this[each.key].name
  role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.steers_queue.role_id}"
  member   = "serviceAccount:${local.room_email[local.operators]}"
}

# To list queues is to look at the project, not at one of them.
resource "google_project_iam_custom_role" "lists_queues" {
  project     = var.project_id
  role_id     = "${replace(var.prefix, "-", "_")}_lists_queues"
  title       = "Backstock: lists queues"
  description = "For the health check, which tells of queues that are paused."
  permissions = ["cloudtasks.queues.list"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "lists_queues" {
  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.lists_queues.role_id}"
  member  = "serviceAccount:${local.room_email[local.operators]}"
}

# The build: https://cloud.google.com/functions/docs/securing/build-custom-sa
resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = "serviceAccount:${local.build_email}"
}

# The platform copies the source into a bucket of its own in the project, which it makes when the first function is
# built. The page above names the three that there may be; gcf-v2-sources-<number>-<region> it is today.
resource "google_project_iam_member" "build_platform_source" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = "serviceAccount:${local.build_email}"

  condition {
    title = "only_sources_of_functions"
    expression = join(" || ", [
      for bucket in ["gcf-v2-sources-", "gcf-v2-uploads-", "run-sources-"] :
      "resource.name.startsWith(\"projects/_/buckets/${bucket}\")"
    ])
  }
}

resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${local.build_email}"
}

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = var.region
  repository = local.image_repository
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${local.build_email}"
}

# Events: Cloud Storage publishes them, Eventarc receives them in the name of the account that calls the function.
# https://cloud.google.com/eventarc/standard/docs/run/create-trigger-storage-gcloud
resource "google_project_iam_member" "events" {
  project = var.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = "serviceAccount:${local.caller_email["events"]}"
}

# Asking for Cloud Storage's own account makes it, where a new project has none yet. Its address is known without
# asking: https://cloud.google.com/storage/docs/projects#service-agents
data "google_storage_project_service_account" "this" {
  project = var.project_id

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "storage_publisher" {
  project = var.project_id
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${data.google_project.this.number}@gs-project-accounts.iam.gserviceaccount.com"

  depends_on = [data.google_storage_project_service_account.this]
}
