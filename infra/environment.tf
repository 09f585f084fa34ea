# The environment that all functions have: the fields of shared/settings.py, and two of the platform's.
locals {
  environment = merge(
    { for bucket, name in local.bucket_name : "${upper(replace(bucket, "-", "_"))}_BUCKET" => name },
    { for name, value in local.settings : name => value if value != null },
  )

  settings = {
    GOOGLE_CLOUD_PROJECT  = var.project_id
    REGION                = var.region
    BASE_URL              = local.base_url
    FUNCTION_URL_TEMPLATE = local.function_url_template

    # By default the project's own Identity Platform: https://firebase.google.com/docs/auth/admin/verify-id-tokens
    AUTH_ISSUER   = coalesce(var.auth_issuer, "https://securetoken.google.com/${var.project_id}")
    AUTH_AUDIENCE = coalesce(var.auth_audience, var.project_id)
    AUTH_JWKS_URL = coalesce(
      var.auth_jwks_url,
      "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
    )
    TASKS_SERVICE_ACCOUNT     = local.caller_email["tasks"]
    SCHEDULER_SERVICE_ACCOUNT = local.caller_email["scheduler"]
    EVENTS_SERVICE_ACCOUNT    = local.caller_email["events"]

    ALGOLIA_APP_ID           = var.algolia_app_id
    ALGOLIA_RETURNS_INDEX    = var.algolia_returns_index
    ALGOLIA_MAX_RECORD_BYTES = tostring(var.algolia_max_record_bytes)
    SUPPLY_CHAIN_URL         = var.supply_chain_url

    PRODUCTS_REQUIRE_IF_MATCH = tostring(var.products_require_if_match)
    PRICE_FEED_MAX_BAD_SHARE  = tostring(var.price_feed_max_bad_share)
    IMAGE_TRUSTED_SOURCES     = length(var.image_trusted_sources) > 0 ? join(",", var.image_trusted_sources) : null

    LOG_LEVEL = var.log_level
    # The asynchronous server from the start: the other one would first take the logs over.
    FUNCTION_USE_ASGI = "true"
    # Said, since the platform otherwise sets it to true. It works by turning aside the standard output of a process,
    # which has many requests under way. Lines have their trace instead.
    LOG_EXECUTION_ID = "false"
  }
}
