output "base_url" {
  description = "A public function is reached at {base_url}/{name}."
  value       = local.base_url
}

output "public_urls" {
  description = "Where each public function is reached."
  value       = { for name in local.public_functions : name => "${local.base_url}/${name}" }
}

output "function_names" {
  description = "All functions, public or not."
  value       = keys(local.functions)
}

output "uploads_bucket" {
  description = "Where sellers' images go, by links that `products` signs."
  value       = local.bucket_name["uploads"]
}

output "feeds_bucket" {
  description = "Where retailers drop their feeds: gs://{feeds_bucket}/feeds/{retailer}/{name}.csv"
  value       = local.bucket_name["feeds"]
}

output "secrets_without_value" {
  description = "What functions still lack. Add a version of each, then its name to the variable secrets_with_values."
  value       = sort(local.secrets_without_value)
}

output "paused_schedules" {
  description = "What does not run: for want of those, or because the variable of this name says so."
  value       = sort([for name, job in google_cloud_scheduler_job.this : name if job.paused])
}

output "commands" {
  description = "To try. TOKEN is a user's, from the identity provider of auth_issuer."
  value = {
    add_a_secret = "printf '%s' \"$KEY\" | gcloud secrets versions add ${try(sort(local.secrets_without_value)[0], sort(local.secrets)[0])} --data-file=- --project=${var.project_id}"
    list         = "curl -H \"Authorization: Bearer $TOKEN\" ${local.base_url}/products"
    storefront   = "curl ${local.base_url}/storefront/$STORE"
    # Not `gcloud storage cp`, which wants to list the bucket too, as a retailer may not:
    # https://cloud.google.com/storage/docs/uploading-objects
    drop_a_feed  = "curl -f -T today.csv -H \"Authorization: Bearer $(gcloud auth print-access-token)\" https://storage.googleapis.com/${local.bucket_name["feeds"]}/feeds/$RETAILER/today.csv"
    sync_now     = "gcloud scheduler jobs run returnsUpdateCron --location=${var.region} --project=${var.project_id}"
    stop_a_queue = "gcloud tasks queues pause supplyChainSync --location=${var.region} --project=${var.project_id}"
    logs         = "gcloud logging read 'resource.type=\"cloud_run_revision\" severity>=WARNING' --freshness=1h --project=${var.project_id}"
  }
}

output "dashboard" {
  description = "Freshness, queues, errors and latency, in the console."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.this.id)}?project=${var.project_id}"
}
