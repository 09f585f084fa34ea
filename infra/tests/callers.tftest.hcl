# Who may call which function. That nobody has any other grant is compared in tests/infra/test_grants.py.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "a-shop"
  region     = "europe-west4"
  bundle     = "topology.yaml" # any file will do
}

run "who_may_call" {
  command = plan

  assert {
    condition = toset([
      for name, grant in google_cloud_run_service_iam_member.invoker : name if grant.member == "allUsers"
      ]) == toset([
      for name, function in local.topology.functions : name if function.access == "public"
    ])
    error_message = "allUsers may call exactly the functions with `access: public`."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.service_config[0].ingress_settings == (local.topology.functions[name].access == "public" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY")
    ])
    error_message = "Only a function with `access: public` takes requests from outside; the others need ALLOW_INTERNAL_ONLY."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      tobool(function.service_config[0].environment_variables["PLATFORM_TOKENS_CHECKED"]) == (local.topology.functions[name].access != "public")
    ])
    error_message = "A public function that trusts tokens to be checked would believe anyone: PLATFORM_TOKENS_CHECKED is for internal ones."
  }

  assert {
    condition = alltrue([
      for name, function in local.topology.functions :
      try(google_cloud_run_service_iam_member.invoker[name].service, "none") == name
    ])
    error_message = "Each function has its own grant, on the Cloud Run service of its name."
  }

  assert {
    condition = alltrue([
      for name, function in local.topology.functions :
      try(google_cloud_run_service_iam_member.invoker[name].member, "nobody") == "serviceAccount:${local.caller_email[function.access]}"
      if function.access != "public"
    ])
    error_message = "The account that may call a function is the one that the function looks for: see environment.tf."
  }

  assert {
    condition = length(distinct(concat(
      values(local.caller_email), [local.build_email], values(local.room_email),
    ))) == 4 + length(local.room_email)
    error_message = "Functions know by the account what a request is, so no two of the accounts may be the same."
  }
}
