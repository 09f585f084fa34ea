locals {
  services = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "cloudscheduler.googleapis.com",
      "cloudtasks.googleapis.com",
      "eventarc.googleapis.com",
      "firestore.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.auth_issuer == null ? ["identitytoolkit.googleapis.com"] : [],
    var.redis_enabled ? ["compute.googleapis.com", "redis.googleapis.com", "vpcaccess.googleapis.com"] : [],
    var.budget_amount != null ? ["billingbudgets.googleapis.com"] : [],
  ))
}

resource "google_project_service" "this" {
  for_each = local.services

  project = var.project_id
  service = each.value
  # Others in the project may use them.
  disable_on_destroy = false
}

# The number is part of the functions' addresses. It waits for no service on purpose: it would be unknown, and with it
# every address and audience, in each plan that adds a service. So the API that answers it is enabled before the first
# plan: README.md, step 1.
data "google_project" "this" {
  project_id = var.project_id
}
