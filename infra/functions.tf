# One bundle for all functions: main.py knows every entry point.
locals {
  # Without one, the precondition below says what to do.
  bundle_sha256 = try(filesha256(var.bundle), "missing")

  image_repository = google_artifact_registry_repository.functions.repository_id
}

resource "google_storage_bucket" "source" {
  name                        = "${var.project_id}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # It holds nothing that `make bundle` does not make again.
  force_destroy = true

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_object" "bundle" {
  # Other code is another object, which is what makes a function be built anew.
  name   = "bundle-${local.bundle_sha256}.zip"
  bucket = google_storage_bucket.source.name
  source = var.bundle

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = fileexists(var.bundle)
      error_message = "There is no bundle at ${var.bundle}: run `make bundle`, or name one in the variable `bundle`."
    }
  }
}

resource "google_artifact_registry_repository" "functions" {
  location      = var.region
  repository_id = "${var.prefix}-functions"
  description   = "Images of the functions, as the build makes them"
  format        = "DOCKER"

  # What is kept by one policy is not deleted by another, so that there are ten revisions to go back to.
  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  name        = each.key
  location    = var.region
  description = "Backstock: ${each.value.room}"
  # Which code a function has, wherever it is listed. A label's value has 63 characters at most.
  labels = { bundle = substr(local.bundle_sha256, 0, 16) }

  build_config {
    runtime           = "python313"
    entry_point       = each.value.entry_point
    service_account   = "projects/${var.project_id}/serviceAccounts/${local.build_email}"
    docker_repository = "projects/${var.project_id}/locations/${var.region}/repositories/${local.image_repository}"

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.bundle.name
      }
    }
  }

  service_config {
    service_account_email            = local.room_email[each.value.room]
    available_memory                 = each.value.memory
    available_cpu                    = tostring(each.value.cpu)
    max_instance_request_concurrency = each.value.concurrency
    timeout_seconds                  = each.value.timeout
    min_instance_count               = each.value.min_instances
    max_instance_count               = each.value.max_instances
    all_traffic_on_latest_revision   = var.all_traffic_on_latest_revision

    # Cloud Tasks, Scheduler and Eventarc of the same project are inside.
    ingress_settings = each.value.access == "public" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"

    environment_variables = merge(
      local.environment,
      # Where anyone may call, nobody has checked the token.
      { PLATFORM_TOKENS_CHECKED = tostring(each.value.access != "public") },
      each.value.caches && var.redis_enabled ? { REDIS_URL = local.redis_url } : {},
    )

    dynamic "secret_environment_variables" {
      for_each = setintersection(each.value.secrets, var.secrets_with_values)

      content {
        key = secret_environment_variables.value
        # The number, which the API prefers: where it answers with it, the id would be a difference in every plan.
        project_id = data.google_project.this.number
        secret     = google_secret_manager_secret.this[secret_environment_variables.value].secret_id
        version    = "latest"
      }
    }

    vpc_connector                 = each.value.caches ? one(google_vpc_access_connector.cache[*].id) : null
    vpc_connector_egress_settings = each.value.caches && var.redis_enabled ? "PRIVATE_RANGES_ONLY" : null
  }

  dynamic "event_trigger" {
    for_each = each.value.access == "events" ? [local.trigger[each.key]] : []

    content {
      # That of the bucket.
      trigger_region        = var.region
      event_type            = event_trigger.value.event_type
      service_account_email = local.caller_email["events"]
      retry_policy          = "RETRY_POLICY_RETRY"

      event_filters {
        attribute = "bucket"
        value     = google_storage_bucket.this[event_trigger.value.bucket].name
      }
    }
  }

  # What the build, the start, the trigger, the first query and the first write need; Terraform sees none of it in the
  # arguments above. The end of documents is not waited for.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_firestore_field.exempt,
    google_firestore_index.this,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_platform_source,
    google_project_iam_member.events,
    google_project_iam_member.storage_publisher,
    google_secret_manager_secret_iam_member.reader,
    google_storage_bucket_iam_member.build_source,
  ]
}

# One account may call a function, or anyone, on the Cloud Run service, which has the function's name. A function that is
# made anew has a new service of the same name, without the grants of the old one; hence its grant is made anew with it
# (not when it is updated, which keeps them).
resource "google_cloud_run_service_iam_member" "invoker" {
  for_each = local.functions

  location = var.region
  service  = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = local.invoker[each.value.access]

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this[each.key].id]
  }
}
