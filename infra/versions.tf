terraform {
  # Validations look at other variables and at the topology, which older versions refuse.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # 6.50 is what `make infra-test` holds these files against. Canaries need a 7 of after April 2026, before which
      # all_traffic_on_latest_revision = false was never sent:
      # https://github.com/hashicorp/terraform-provider-google/issues/24130
      version = ">= 6.50, < 8"
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
