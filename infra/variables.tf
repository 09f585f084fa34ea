# Only project_id and region have to be given: terraform.tfvars.example.

variable "project_id" {
  type        = string
  description = "The project's id; a project for this system alone, and one for each environment."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "Give the project's id, such as shop-prod-1234: 6 to 30 of a-z, 0-9 and -, not its name or number. Ids with a domain (example.com:shop) cannot be used, since hosts and buckets are named after it."
  }
}

variable "region" {
  type        = string
  description = "Where everything is. Moving to another region is making all of it anew."

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region, such as europe-west1; europe-west1-b is a zone, and EU is a multi-region."
  }
}

variable "prefix" {
  type        = string
  default     = "backstock"
  description = "Begins the names of service accounts, of the image repository and of the cache, and is their label `app`."

  validation {
    # With a - and the longest room's name (supply-chain) behind it, an account's id has 27 characters of 30.
    condition     = can(regex("^[a-z][a-z0-9-]{1,12}[a-z0-9]$", var.prefix))
    error_message = "Choose 3 to 14 of a-z, 0-9 and -, with a letter first and no - at the end: the ids of service accounts begin with it, and have 30 characters at most."
  }
}

variable "labels" {
  type        = map(string)
  default     = {}
  description = "On all that can have labels, for bills and searches."

  validation {
    condition = alltrue([
      for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "Labels are made of a-z, 0-9, _ and -, 63 at most; keys begin with a letter."
  }
}

# Who users are

variable "auth_issuer" {
  type        = string
  default     = null
  description = "`iss` of users' tokens. Null, with the two below: the project's own Identity Platform."

  validation {
    condition = (
      length([for each in [var.auth_issuer, var.auth_audience, var.auth_jwks_url] : each if each != null]) % 3 == 0
    )
    error_message = "Give auth_issuer, auth_audience and auth_jwks_url together, as your identity provider documents them, or none of them for Identity Platform."
  }
}

variable "auth_audience" {
  type        = string
  default     = null
  description = "`aud` of users' tokens."

  validation {
    condition     = var.auth_audience != ""
    error_message = "An empty audience would take tokens made for anything. Leave it out, or give the one that your tokens have."
  }
}

variable "auth_jwks_url" {
  type        = string
  default     = null
  description = "Where the keys are that users' tokens are signed with."

  validation {
    condition     = var.auth_jwks_url == null || can(regex("^https://[^/\\s]+/\\S*[^/\\s]$", var.auth_jwks_url))
    error_message = "Give the https URL of a JWKS document, such as https://login.example.com/.well-known/jwks.json."
  }
}

# What functions work with

variable "algolia_app_id" {
  type        = string
  default     = null
  description = "The Algolia application that holds the index of returns."

  validation {
    condition     = var.algolia_app_id == null || can(regex("^[A-Z0-9]{1,32}$", var.algolia_app_id))
    error_message = "Give the Application ID as Algolia's dashboard has it: capitals and digits, such as ABCDEF1234."
  }
}

variable "algolia_returns_index" {
  type        = string
  default     = "order_returns"
  description = "The name of the index of returns."

  validation {
    condition     = can(regex("^\\S.{0,254}$", var.algolia_returns_index))
    error_message = "Name the index in 1 to 255 characters."
  }
}

variable "algolia_max_record_bytes" {
  type        = number
  default     = 10000
  description = "The record limit of the Algolia plan, in bytes."

  validation {
    condition     = var.algolia_max_record_bytes >= 500 && var.algolia_max_record_bytes <= 100000 && floor(var.algolia_max_record_bytes) == var.algolia_max_record_bytes
    error_message = "Give the plan's record limit in bytes, 500 to 100000."
  }
}

variable "supply_chain_url" {
  type        = string
  default     = null
  description = "The supply-chain API; products are at /products/{id} below it."

  validation {
    condition     = var.supply_chain_url == null || can(regex("^https://[^/\\s]+(/\\S*)?[^/\\s]$", var.supply_chain_url))
    error_message = "Give an https URL without a slash at its end, such as https://api.partner.example/v2. Its bearer token is the secret SUPPLY_CHAIN_API_KEY."
  }
}

variable "products_require_if_match" {
  type        = bool
  default     = false
  description = "Refuse to change or delete a product without saying which version is meant."
}

variable "price_feed_max_bad_share" {
  type        = number
  default     = 0.05
  description = "A price feed with a larger share of bad lines is refused whole."

  validation {
    condition     = var.price_feed_max_bad_share >= 0 && var.price_feed_max_bad_share <= 1
    error_message = "Give a share of lines from 0 to 1, such as 0.05 for one in twenty."
  }
}

variable "image_trusted_sources" {
  type        = list(string)
  default     = []
  description = "URL prefixes from which images are fetched even over plain http and from private addresses."

  validation {
    condition     = alltrue([for each in var.image_trusted_sources : can(regex("^https?://[^/,\\s]+/[^,\\s]*$", each))])
    error_message = "Each is a URL with at least a slash behind the host, and without a comma, such as https://media.example.com/products/."
  }
}

variable "secrets_with_values" {
  type        = set(string)
  default     = []
  description = "The secrets that have a version. Functions get these only, since one without a version fails their start; schedules of a room that lacks one are paused."

  validation {
    condition     = length(setsubtract(var.secrets_with_values, local.secrets)) == 0
    error_message = "There is no secret ${join(", ", setsubtract(var.secrets_with_values, local.secrets))}. There are: ${join(", ", local.secrets)}."
  }

  validation {
    condition     = var.algolia_app_id != null || !anytrue([for secret in var.secrets_with_values : startswith(secret, "ALGOLIA_")])
    error_message = "The keys of Algolia are of no use without their application: set algolia_app_id too."
  }

  validation {
    condition     = var.supply_chain_url != null || !contains(var.secrets_with_values, "SUPPLY_CHAIN_API_KEY")
    error_message = "SUPPLY_CHAIN_API_KEY is of no use without its API: set supply_chain_url too."
  }
}

variable "uploads_cors_origins" {
  type        = list(string)
  default     = null
  description = "The origins whose pages may upload images, such as https://shop.example. Null: as in topology.yaml, any."

  validation {
    condition     = alltrue([for origin in coalesce(var.uploads_cors_origins, []) : can(regex("^(\\*|https?://[^/*\\s]+)$", origin))])
    error_message = "An origin is a scheme and a host (and a port) without a path, such as https://shop.example, or *."
  }
}

variable "retailers" {
  type        = map(set(string))
  default     = {}
  description = "Retailer -> the IAM members that may write its feeds, at feeds/{retailer}/ of the feeds bucket."

  validation {
    condition     = alltrue([for retailer in keys(var.retailers) : can(regex("^[A-Za-z0-9_-]{1,64}$", retailer))])
    error_message = "A retailer's name has 1 to 64 letters, digits, - and _: it is part of the path of its feeds."
  }

  validation {
    condition = alltrue([
      for member in flatten([for members in values(var.retailers) : tolist(members)]) :
      can(regex("^((user|group|serviceAccount|domain):\\S+|principal(Set)?://\\S+)$", member))
    ])
    error_message = "Give members as IAM writes them, such as serviceAccount:feeds@casa-verde.iam.gserviceaccount.com. allUsers would let anyone set a retailer's prices."
  }
}

# What is deployed, and how

variable "bundle" {
  type        = string
  default     = "../build/backstock.zip"
  description = "The functions' code, as `make bundle` makes it; from this directory, if not absolute."
}

variable "log_level" {
  type        = string
  default     = "INFO"
  description = "The least severe lines that functions write. The metrics are made of INFO and above."

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "Choose DEBUG, INFO, WARNING or ERROR; metrics, dashboard and alerts need DEBUG or INFO."
  }
}

variable "all_traffic_on_latest_revision" {
  type        = bool
  default     = true
  description = "Whether a new revision takes all requests at once. False leaves the split of Cloud Run's traffic as it is, for a canary by hand: docs/deploy.md."
}

variable "function_overrides" {
  type = map(object({
    min_instances = optional(number)
    max_instances = optional(number)
    memory        = optional(string)
    concurrency   = optional(number)
  }))
  default     = {}
  description = "Function -> what is different here from topology.yaml."

  validation {
    condition     = length(setsubtract(keys(var.function_overrides), keys(local.topology.functions))) == 0
    error_message = "There is no function ${join(", ", setsubtract(keys(var.function_overrides), keys(local.topology.functions)))}. There are: ${join(", ", keys(local.topology.functions))}."
  }

  validation {
    condition = alltrue([
      for name, given in var.function_overrides :
      coalesce(given.concurrency, 1) == 1 || try(local.topology.functions[name].cpu >= 1, true)
    ])
    error_message = "A concurrency above 1 wants at least 1 CPU: https://cloud.google.com/functions/docs/configuring/concurrency"
  }

  validation {
    condition = alltrue([
      for given in values(var.function_overrides) :
      coalesce(given.concurrency, 1) >= 1 && coalesce(given.concurrency, 1) <= 1000
    ])
    error_message = "Concurrency is 1 to 1000 requests an instance."
  }

  validation {
    condition = alltrue([
      for name, given in var.function_overrides :
      coalesce(given.min_instances, 0) >= 0 && coalesce(given.max_instances, 1) >= 1 && try(
        coalesce(given.min_instances, local.topology.functions[name].min_instances) <=
        coalesce(given.max_instances, local.topology.functions[name].max_instances),
        true, # A name that the topology lacks is refused above.
      )
    ])
    error_message = "min_instances must be 0 or more, and max_instances 1 or more and no less than min_instances; what is not overridden is as in topology.yaml."
  }

  validation {
    # https://cloud.google.com/run/docs/configuring/services/memory-limits
    condition = alltrue([
      for name, given in var.function_overrides : can(regex("^[1-9][0-9]*(Mi|Gi)$", coalesce(given.memory, "1Gi"))) && try(
        tonumber(trimsuffix(given.memory, "Mi")) >= 128 && tonumber(trimsuffix(given.memory, "Mi")) <= 4096,
        tonumber(trimsuffix(given.memory, "Gi")) <= 4,
        true,
      )
    ])
    error_message = "Give memory as 512Mi or 2Gi: 128Mi to 4Gi, since more wants more than one CPU."
  }
}

variable "queue_overrides" {
  type = map(object({
    max_dispatches_per_second = optional(number)
    max_concurrent_dispatches = optional(number)
  }))
  default     = {}
  description = "Queue -> what is different here from topology.yaml."

  validation {
    condition     = length(setsubtract(keys(var.queue_overrides), keys(local.topology.queues))) == 0
    error_message = "There is no queue ${join(", ", setsubtract(keys(var.queue_overrides), keys(local.topology.queues)))}. There are: ${join(", ", keys(local.topology.queues))}."
  }

  validation {
    condition = alltrue([
      for given in values(var.queue_overrides) :
      coalesce(given.max_dispatches_per_second, 1) > 0 && coalesce(given.max_dispatches_per_second, 1) <= 500 &&
      coalesce(given.max_concurrent_dispatches, 1) >= 1 && coalesce(given.max_concurrent_dispatches, 1) <= 5000
    ])
    error_message = "A queue dispatches 500 tasks a second at most, and 5000 at once: https://cloud.google.com/tasks/docs/quotas"
  }
}

variable "paused_schedules" {
  type        = set(string)
  default     = []
  description = "The schedules that are to stay paused, besides those that lack a secret. An apply resumes all others, also what operators have paused."

  validation {
    condition     = length(setsubtract(var.paused_schedules, keys(local.topology.schedules))) == 0
    error_message = "There is no schedule ${join(", ", setsubtract(var.paused_schedules, keys(local.topology.schedules)))}. There are: ${join(", ", keys(local.topology.schedules))}."
  }
}

variable "create_firestore_database" {
  type        = bool
  default     = true
  description = "False where the project has its database (default) already."
}

variable "firestore_location" {
  type        = string
  default     = null
  description = "Where the database is; null: in the region. It can be a multi-region, such as eur3, and never changes."

  validation {
    condition     = var.firestore_location == null || can(regex("^([a-z]+-[a-z]+[0-9]+|nam[0-9]+|eur[0-9]+)$", var.firestore_location))
    error_message = "Give a region, such as europe-west1, or a multi-region, such as eur3 or nam5: https://cloud.google.com/firestore/docs/locations"
  }
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Whether `terraform destroy` leaves the database alone and stops at buckets that hold anything."
}

# The cache

variable "redis_enabled" {
  type        = bool
  default     = false
  description = "Cache products in a Memorystore for Redis that all instances share, rather than in each of them. It is paid for by the hour."
}

variable "redis_memory_gb" {
  type        = number
  default     = 1
  description = "The size of the Redis, in GiB."

  validation {
    condition     = var.redis_memory_gb >= 1 && var.redis_memory_gb <= 300 && floor(var.redis_memory_gb) == var.redis_memory_gb
    error_message = "Give 1 to 300 GiB, in whole numbers."
  }
}

variable "redis_network" {
  type        = string
  default     = "default"
  description = "The network of this project that the Redis is in."

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.redis_network))
    error_message = "Give the name of a network of this project, such as default."
  }
}

variable "redis_connector_range" {
  type        = string
  default     = "10.8.0.0/28"
  description = "Addresses for the functions' way into that network, which nothing in it uses."

  validation {
    condition     = can(cidrhost(var.redis_connector_range, 0)) && endswith(var.redis_connector_range, "/28")
    error_message = "Give a /28 that no subnet of redis_network has, such as 10.8.0.0/28."
  }
}

# Alerts and money

variable "alerts_enabled" {
  type        = bool
  default     = false
  description = "Whether there are alert policies. They can be made some minutes after the first apply, which makes the metrics that they look at."
}

variable "alert_emails" {
  type        = set(string)
  default     = []
  description = "Who is told."

  validation {
    condition     = alltrue([for email in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "Give addresses, such as ops@shop.example."
  }
}

variable "thresholds" {
  type = object({
    sync_stale_minutes  = optional(number, 60)
    queue_delay_minutes = optional(number, 30)
    queue_depth         = optional(number, 1000)
    error_share         = optional(number, 0.05)
    task_error_share    = optional(number, 0.5)
    latency_p99_ms      = optional(number, 2000)
    unhealthy_minutes   = optional(number, 60)
  })
  default     = {}
  description = "From when on there is an alert: minutes since the last sync that ended, minutes that something is found wrong at every look, minutes that tasks come late, tasks that wait in a queue, the share of 5xx of public functions and of those that queues, schedules and events call, and the 99th percentile of public functions' latency."

  validation {
    condition = alltrue([
      for share in [var.thresholds.error_share, var.thresholds.task_error_share] : share > 0 && share <= 1
    ])
    error_message = "Shares are above 0 and 1 at most, such as 0.05 for one in twenty."
  }

  validation {
    condition = alltrue([
      for limit in [var.thresholds.queue_delay_minutes, var.thresholds.queue_depth, var.thresholds.latency_p99_ms] : limit > 0
    ])
    error_message = "queue_delay_minutes, queue_depth and latency_p99_ms must be above 0."
  }

  validation {
    condition     = var.thresholds.unhealthy_minutes >= 15 && var.thresholds.unhealthy_minutes <= 1380
    error_message = "unhealthy_minutes is 15 to 1380: there is a look every 5 minutes, and an alert looks back a day at most."
  }

  validation {
    condition     = var.thresholds.sync_stale_minutes >= 20 && var.thresholds.sync_stale_minutes <= 1380
    error_message = "sync_stale_minutes is 20 to 1380: a sync begins every 15 minutes, and an alert looks back a day at most."
  }
}

variable "budget_amount" {
  type        = number
  default     = null
  description = "What a month may cost before the billing account's administrators are told, in its currency. Null: no budget."

  validation {
    condition     = var.budget_amount == null || try(var.budget_amount >= 1 && floor(var.budget_amount) == var.budget_amount, false)
    error_message = "Give a whole amount of 1 or more, in the billing account's currency."
  }

  validation {
    condition     = var.budget_amount == null || var.billing_account != null
    error_message = "A budget belongs to a billing account: set billing_account too (`gcloud billing accounts list`)."
  }
}

variable "billing_account" {
  type        = string
  default     = null
  description = "The billing account of the budget."

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "Give the account's id, such as 012345-6789AB-CDEF01 (`gcloud billing accounts list`)."
  }
}
