# What a deployment may change of the topology.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "a-shop"
  region     = "europe-west4"
  bundle     = "topology.yaml" # any file will do
}

run "changed" {
  command = plan

  variables {
    function_overrides             = { products = { min_instances = 2, max_instances = 200 } }
    queue_overrides                = { storefrontRebuild = { max_concurrent_dispatches = 200 } }
    secrets_with_values            = ["SUPPLY_CHAIN_API_KEY"]
    supply_chain_url               = "https://partner.example/v2"
    create_firestore_database      = false
    deletion_protection            = false
    all_traffic_on_latest_revision = false
    paused_schedules               = ["outboxSweeper"]
  }

  assert {
    condition = (
      google_cloudfunctions2_function.this["products"].service_config[0].min_instance_count == 2 &&
      google_cloudfunctions2_function.this["products"].service_config[0].max_instance_count == 200 &&
      google_cloudfunctions2_function.this["products"].service_config[0].available_memory == local.topology.functions.products.memory &&
      google_cloudfunctions2_function.this["storefront"].service_config[0].max_instance_count == local.topology.functions.storefront.max_instances
    )
    error_message = "function_overrides changes what it names, and leaves the rest as in topology.yaml."
  }

  assert {
    condition = (
      google_cloud_tasks_queue.this["storefrontRebuild"].rate_limits[0].max_concurrent_dispatches == 200 &&
      google_cloud_tasks_queue.this["storefrontRebuild"].rate_limits[0].max_dispatches_per_second == local.topology.queues.storefrontRebuild.max_dispatches_per_second
    )
    error_message = "queue_overrides changes what it names, and leaves the rest as in topology.yaml."
  }

  assert {
    condition = toset([
      for name, function in google_cloudfunctions2_function.this : name if length(function.service_config[0].secret_environment_variables) > 0
    ]) == toset(["supply-chain-sync"])
    error_message = "A secret is referenced once it is in secrets_with_values, by the functions that use it."
  }

  assert {
    condition     = length(google_firestore_database.this) == 0 && length(google_firestore_index.this) > 0
    error_message = "Where there is a database already, it gets the indexes all the same."
  }

  assert {
    condition     = google_cloud_scheduler_job.this["outboxSweeper"].paused && !google_cloud_scheduler_job.this["jobSweeper"].paused
    error_message = "What operators have paused stays so if paused_schedules names it: an apply resumes whatever is not planned as paused."
  }

  assert {
    condition     = google_cloud_scheduler_job.this["returnsUpdateCron"].paused
    error_message = "paused_schedules adds to the schedules that lack a secret, and resumes none of them."
  }

  assert {
    condition     = !anytrue([for function in google_cloudfunctions2_function.this : function.service_config[0].all_traffic_on_latest_revision])
    error_message = "all_traffic_on_latest_revision = false leaves the traffic where it is, for every function."
  }
}
