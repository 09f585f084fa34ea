# Every switch is on, and every input that has no default is given.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "a-shop"
  region     = "europe-west4"
  bundle     = "topology.yaml" # any file will do
}

run "everything" {
  command = plan

  variables {
    labels                    = { team = "back-office" }
    auth_issuer               = "https://login.a-shop.example"
    auth_audience             = "backstock"
    auth_jwks_url             = "https://login.a-shop.example/jwks.json"
    algolia_app_id            = "ASHOP"
    supply_chain_url          = "https://partner.example/v2"
    products_require_if_match = true
    image_trusted_sources     = ["https://media.a-shop.example/", "http://10.1.2.3/images/"]
    secrets_with_values       = ["ALGOLIA_API_KEY", "ALGOLIA_SEARCH_KEY", "SUPPLY_CHAIN_API_KEY"]
    uploads_cors_origins      = ["https://a-shop.example"]
    retailers = {
      casa-verde = ["serviceAccount:casa-verde@feeds.iam.gserviceaccount.com"]
      lidoro     = ["serviceAccount:lidoro@feeds.iam.gserviceaccount.com"]
    }
    redis_enabled   = true
    alerts_enabled  = true
    alert_emails    = ["ops@a-shop.example"]
    budget_amount   = 500
    billing_account = "012345-6789AB-CDEF01"
  }

  assert {
    condition     = !anytrue([for job in google_cloud_scheduler_job.this : job.paused])
    error_message = "When all secrets have values, all schedules run."
  }

  assert {
    condition     = google_redis_instance.cache[0].redis_configs["maxmemory-policy"] == "allkeys-lru"
    error_message = "A cache that is full has to forget; without allkeys-lru it refuses every write."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.this) > 0 && length(google_monitoring_notification_channel.email) == 1
    error_message = "alerts_enabled makes the alert policies, alert_emails says whom they tell."
  }

  assert {
    condition     = google_billing_budget.this[0].amount[0].specified_amount[0].units == "500"
    error_message = "A budget_amount is what the budget is."
  }

  assert {
    condition     = google_storage_bucket.this["uploads"].cors[0].origin == tolist(["https://a-shop.example"])
    error_message = "Where uploads_cors_origins is given, no other page may upload."
  }
}
