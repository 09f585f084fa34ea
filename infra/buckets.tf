# What sellers, retailers and the functions themselves keep in Cloud Storage, and who may do what with it. What is
# deleted can be brought back for seven days: that is the soft delete policy that every new bucket has.

locals {
  bucket_roles = {
    read   = "roles/storage.objectViewer"
    create = "roles/storage.objectCreator"
    write  = "roles/storage.objectUser"
  }

  # "room/bucket" -> what the room's functions do there.
  bucket_needs = {
    for use in flatten([
      for function in local.functions : [
        for bucket, need in function.buckets : { by = "${function.room}/${bucket}", need = need }
      ]
    ]) : use.by => use.need...
  }

  # "retailer/member" -> who may drop that retailer's feeds.
  feed_writers = merge([
    for retailer, members in var.retailers : {
      for member in members : "${retailer}/${member}" => { retailer = retailer, member = member }
    }
  ]...)
}

resource "google_storage_bucket" "this" {
  for_each = local.topology.buckets

  project  = var.project_id
  name     = local.bucket_name[each.key]
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = each.value.public ? "inherited" : "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = can(each.value.keep_replaced_days)
  }

  # What an upload in parts that was never finished has left.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  dynamic "lifecycle_rule" {
    for_each = can(each.value.delete_after_days) ? [each.value.delete_after_days] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = can(each.value.keep_replaced_days) ? [each.value.keep_replaced_days] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        days_since_noncurrent_time = lifecycle_rule.value
        with_state                 = "ARCHIVED"
      }
    }
  }

  dynamic "cors" {
    for_each = lookup(each.value, "cors", [])
    content {
      origin          = var.uploads_cors_origins == null ? cors.value.origins : var.uploads_cors_origins
      method          = cors.value.methods
      response_header = cors.value.headers
      max_age_seconds = tonumber(trimsuffix(cors.value.max_age, "s"))
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "room" {
  for_each = local.bucket_needs

  bucket = google_storage_bucket.this[split("/", each.key)[1]].name
  # An account is its room's: where one function reads and another creates, it does as if it wrote.
  role   = local.bucket_roles[length(distinct(each.value)) == 1 ? each.value[0] : "write"]
  member = "serviceAccount:${local.room_email[split("/", each.key)[0]]}"

  depends_on = [google_service_account.room]
}

# Everybody may read an object whose name they know. objectViewer would let them list all the others too.
resource "google_storage_bucket_iam_member" "public" {
  for_each = toset([for name, bucket in local.topology.buckets : name if bucket.public])

  bucket = google_storage_bucket.this[each.key].name
  role   = "roles/storage.legacyObjectReader"
  member = "allUsers"
}

# To drop a feed under the name of an earlier one takes the right to replace that, and to read the report of bad lines
# that comes to lie beside it. Nobody can list the bucket, or see what is not below their own folder.
resource "google_storage_bucket_iam_member" "retailer" {
  for_each = local.feed_writers

  bucket = google_storage_bucket.this["feeds"].name
  role   = "roles/storage.objectUser"
  member = each.value.member

  condition {
    title       = "feeds-of-${each.value.retailer}"
    description = "Objects below feeds/${each.value.retailer}/ only."
    expression = join("", [
      "resource.name.startsWith(\"projects/_/buckets/${local.bucket_name["feeds"]}",
      "/objects/feeds/${each.value.retailer}/\")",
    ])
  }
}
