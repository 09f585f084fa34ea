# The database, and what the topology says of its indexes. A field that the topology does not mention keeps the indexes
# that Firestore makes by itself.
#
# Firestore works on few changes of indexes at a time. The provider waits and asks again when it is told so (409); if an
# apply ends with 409 or 429 nevertheless, nothing is lost: apply again, with -parallelism=3.
#
# An index of many documents takes its time (https://github.com/hashicorp/terraform-provider-google/issues/17441), and
# the provider by itself waits for 20 minutes only. What it has given up on it forgets, while Firestore goes on, so that
# the next apply ends with "index already exists" until that is imported. Hence the long timeouts.

locals {
  # "created_at DESC" is a field and one of these.
  index_orders = { ASC = "ASCENDING", DESC = "DESCENDING" }
}

resource "google_firestore_database" "this" {
  count = var.create_firestore_database ? 1 : 0

  project     = var.project_id
  name        = "(default)"
  type        = "FIRESTORE_NATIVE"
  location_id = coalesce(var.firestore_location, var.region)

  # Seven days back, to the minute: https://cloud.google.com/firestore/native/docs/pitr
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  # Protected, it stays behind when everything else is destroyed.
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = var.deletion_protection ? "ABANDON" : "DELETE"

  depends_on = [google_project_service.this]
}

# Point-in-time recovery ends with the database; a backup is there without it.
resource "google_firestore_backup_schedule" "daily" {
  count = var.create_firestore_database ? 1 : 0

  project   = var.project_id
  database  = google_firestore_database.this[0].name
  retention = "604800s"

  daily_recurrence {}
}

resource "google_firestore_index" "this" {
  for_each = {
    for index in local.topology.firestore.indexes :
    "${index.collection}: ${join(", ", index.fields)}" => index
  }

  project     = var.project_id
  database    = "(default)"
  collection  = each.value.collection
  query_scope = "COLLECTION"

  # __name__ comes last by itself, in the direction of the field before it.
  dynamic "fields" {
    for_each = [for field in each.value.fields : split(" ", field)]
    content {
      field_path   = fields.value[0]
      order        = lookup(local.index_orders, fields.value[1], null)
      array_config = fields.value[1] == "CONTAINS" ? "CONTAINS" : null
    }
  }

  timeouts {
    create = "3h"
  }

  depends_on = [google_firestore_database.this, google_project_service.this]
}

resource "google_firestore_field" "exempt" {
  # A field is configured in one place: what ends documents is exempt below.
  for_each = {
    for exemption in local.topology.firestore.exemptions :
    "${exemption.collection}.${exemption.field}" => exemption
    if lookup(local.topology.firestore.ttl, exemption.collection, null) != exemption.field
  }

  project    = var.project_id
  database   = "(default)"
  collection = each.value.collection
  field      = each.value.field

  index_config {}

  timeouts {
    create = "3h"
    delete = "3h"
  }

  depends_on = [google_firestore_database.this, google_project_service.this]
}

# Nothing queries the time at which a document ends, and an index of nearly sequential times would be a hot spot:
# https://cloud.google.com/firestore/native/docs/ttl
resource "google_firestore_field" "ttl" {
  for_each = local.topology.firestore.ttl

  project    = var.project_id
  database   = "(default)"
  collection = each.key
  field      = each.value

  index_config {}
  ttl_config {}

  timeouts {
    create = "3h"
    delete = "3h"
  }

  depends_on = [google_firestore_database.this, google_project_service.this]
}
