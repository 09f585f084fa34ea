terraform {
  # Validations look at other variables and at the topology, which older versions refuse.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 7"
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = local.labels

  # The API of budgets wants to know whose quota a person's request counts against.
  billing_project       = var.project_id
  user_project_override = var.budget_amount != null
}
