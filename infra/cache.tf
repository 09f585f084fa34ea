# Optional: without it each process of a function that caches has a cache of its own.
# BASIC, since what is lost with it is read from the database again.
resource "google_redis_instance" "cache" {
  count = var.redis_enabled ? 1 : 0

  name               = "${var.prefix}-cache"
  display_name       = "Backstock: products, as they are read"
  tier               = "BASIC"
  memory_size_gb     = var.redis_memory_gb
  region             = var.region
  redis_version      = "REDIS_7_2"
  authorized_network = "projects/${var.project_id}/global/networks/${var.redis_network}"

  redis_configs = {
    # A full cache forgets what was not asked for lately, instead of refusing what is new.
    maxmemory-policy = "allkeys-lru"
  }

  depends_on = [google_project_service.this]
}

# The way of a function into the network that the Redis is in.
resource "google_vpc_access_connector" "cache" {
  count = var.redis_enabled ? 1 : 0

  name          = "${var.prefix}-cache"
  region        = var.region
  network       = var.redis_network
  ip_cidr_range = var.redis_connector_range
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3

  depends_on = [google_project_service.this]
}

locals {
  # No password: it would be in Terraform's state and in the environment, and the address is of the network only.
  redis_url = try("redis://${google_redis_instance.cache[0].host}:${google_redis_instance.cache[0].port}", null)
}
