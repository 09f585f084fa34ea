# Who may enqueue, and how events get through. That nobody has any other grant: tests/infra/test_grants.py.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "a-shop"
  region     = "europe-west4"
  bundle     = "topology.yaml" # any file will do
}

run "who_may_send" {
  command = plan

  assert {
    condition = toset([for grant in google_cloud_tasks_queue_iam_member.enqueuer : "${grant.member} ${grant.name}"]) == toset(flatten([
      for function in local.topology.functions : [
        for queue in try(function.enqueues, []) : "serviceAccount:${local.room_email[function.room]} ${queue}"
      ]
    ]))
    error_message = "A room may enqueue on the queues in `enqueues` of its functions, and on no other: see google_cloud_tasks_queue_iam_member.enqueuer."
  }

  assert {
    condition = toset([for grant in google_service_account_iam_member.acts_as_tasks : grant.member]) == toset([
      for function in local.topology.functions : "serviceAccount:${local.room_email[function.room]}" if length(try(function.enqueues, [])) > 0
    ])
    error_message = "Who enqueues a task names the account that delivers it, and needs roles/iam.serviceAccountUser on it: acts_as_tasks in iam.tf."
  }

  assert {
    condition = alltrue([
      for name, trigger in local.topology.triggers :
      google_cloudfunctions2_function.this[trigger.target].event_trigger[0].retry_policy == "RETRY_POLICY_RETRY"
    ])
    error_message = "Without RETRY_POLICY_RETRY an event whose function fails once is lost."
  }

  assert {
    condition = (
      google_project_iam_member.events.role == "roles/eventarc.eventReceiver" &&
      google_project_iam_member.events.member == "serviceAccount:${local.caller_email["events"]}"
    )
    error_message = "The triggers' account needs roles/eventarc.eventReceiver."
  }

  assert {
    condition = (
      google_project_iam_member.storage_publisher.role == "roles/pubsub.publisher" &&
      google_project_iam_member.storage_publisher.member == "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    )
    error_message = "Cloud Storage's own agent publishes the events, and needs roles/pubsub.publisher."
  }
}
