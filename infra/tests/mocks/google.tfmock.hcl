# What Google would answer, in the form that the provider insists on. What is known before an apply comes from the configuration.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_data "google_storage_project_service_account" {
  defaults = {
    email_address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    member        = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
  }
}

mock_resource "google_service_account" {
  defaults = {
    name   = "projects/a-shop/serviceAccounts/an-account@a-shop.iam.gserviceaccount.com"
    email  = "an-account@a-shop.iam.gserviceaccount.com"
    member = "serviceAccount:an-account@a-shop.iam.gserviceaccount.com"
  }
}

mock_resource "google_redis_instance" {
  defaults = {
    host = "10.0.0.3"
    port = 6379
  }
}
