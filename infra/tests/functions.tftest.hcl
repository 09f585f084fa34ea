# What is made with the required inputs alone. That each part is as topology.yaml says is compared in tests/infra/.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "a-shop"
  region     = "europe-west4"
  bundle     = "topology.yaml" # any file will do
}

run "as_delivered" {
  command = plan

  assert {
    condition     = toset(keys(google_cloudfunctions2_function.this)) == toset(keys(local.topology.functions))
    error_message = "Functions that are deployed and those of topology.yaml are not the same: in functions.tf, for_each has to go over all of them."
  }

  assert {
    condition     = length(google_redis_instance.cache) + length(google_vpc_access_connector.cache) == 0
    error_message = "A Redis costs money while nobody calls: it must wait for redis_enabled."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.this) == 0
    error_message = "An alert on a metric that is only minutes old is refused by Google: alerts must wait for alerts_enabled."
  }

  assert {
    condition     = length(google_billing_budget.this) == 0
    error_message = "A budget belongs to a billing account, to which few have access: it must wait for budget_amount."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this : length(function.service_config[0].secret_environment_variables) == 0
    ])
    error_message = "A function does not start with a secret that has no version: refer only to those in secrets_with_values."
  }

  assert {
    condition     = !google_cloud_scheduler_job.this["outboxSweeper"].paused && !google_cloud_scheduler_job.this["jobSweeper"].paused
    error_message = "Operators' functions do their work without a secret: rooms_without_secret must leave their room out."
  }

  assert {
    condition = alltrue([
      for job in google_cloud_scheduler_job.this :
      job.paused == contains(local.rooms_without_secret, local.topology.functions[local.topology.schedules[job.name].target].room)
    ])
    error_message = "Schedules are paused of those rooms that lack a secret, and of no other."
  }

  assert {
    condition     = google_storage_bucket_object.bundle.name == "bundle-${filesha256("topology.yaml")}.zip"
    error_message = "Without the bundle's hash in its name, new code is not deployed."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.bundle.name
    ])
    error_message = "All functions are built from the one bundle."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this : endswith(function.build_config[0].service_account, local.build_email)
    ])
    error_message = "Builds need an account of their own: the default one of a new project has not the rights."
  }
}
