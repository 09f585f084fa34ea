# What topology.yaml says, in the shapes that resources are made for. Its model and bounds: topology.py.

locals {
  topology = yamldecode(file("${path.module}/topology.yaml"))

  labels = merge({ app = var.prefix }, var.labels)

  # Each with all of its fields, since a topology leaves out what is as usual.
  functions = {
    for name, given in local.topology.functions : name => merge(
      { enqueues = [], secrets = [], buckets = {}, signs_links = false, caches = false },
      given,
      { for setting, value in try(var.function_overrides[name], {}) : setting => value if value != null },
    )
  }
  queues = {
    for name, given in local.topology.queues : name => merge(
      { max_retry_duration = "0s" },
      given,
      { for setting, value in try(var.queue_overrides[name], {}) : setting => value if value != null },
    )
  }
  schedules = local.topology.schedules

  public_functions = toset([for name, function in local.functions : name if function.access == "public"])
  # Of a function that events call. topology.py sees to it that there is one each.
  trigger = { for trigger in values(local.topology.triggers) : trigger.target => trigger }

  # The room that steers what the others do.
  operators = "ops"

  # A room is the unit of trust: one account, with what its functions need and nothing else.
  rooms           = toset([for function in local.functions : function.room])
  rooms_that_sign = toset([for function in local.functions : function.room if function.signs_links])
  enqueuers = merge([
    for function in local.functions : {
      for queue in function.enqueues : "${function.room}/${queue}" => { room = function.room, queue = queue }
    }
  ]...)
  rooms_that_enqueue = toset([for pair in local.enqueuers : pair.room])
  secret_readers = merge([
    for function in local.functions : {
      for secret in function.secrets : "${function.room}/${secret}" => { room = function.room, secret = secret }
    }
  ]...)

  secrets               = toset([for pair in local.secret_readers : pair.secret])
  secrets_without_value = setsubtract(local.secrets, var.secrets_with_values)
  # What operators have does its work without: it only says that it cannot look whether the index answers.
  rooms_without_secret = toset([
    for pair in local.secret_readers : pair.room
    if contains(local.secrets_without_value, pair.secret) && pair.room != local.operators
  ])

  # The names of buckets are everybody's, those of projects too.
  bucket_name = { for name in keys(local.topology.buckets) : name => "${var.project_id}-${name}" }

  # Known before the function is made, so that functions can be told each other's:
  # https://cloud.google.com/run/docs/triggering/https-request#deterministic
  function_url_template = "https://{name}-${data.google_project.this.number}.${var.region}.run.app"
  function_url = {
    for name in keys(local.functions) : name => replace(local.function_url_template, "{name}", name)
  }
  base_url = "https://${var.region}-${var.project_id}.cloudfunctions.net"
}
