# One page to look at first: is the work done, in time, by how many instances, and at what cost.

locals {
  charts = [
    { title = "Returns: runs of the sync, finished and dead", series = ["sync_finished", "sync_taken_over"] },
    { title = "Returns: seconds that the index is behind", series = ["index_age", "sync_lag"] },
    { title = "Looks at whether all is well, and those that found something wrong", series = ["looks", "unhealthy"] },
    { title = "Seconds that the oldest work has waited", series = ["oldest_pending"] },
    { title = "Dead letters that are open", series = ["letters_open"] },
    { title = "Returns: batches pushed", series = ["batches_pushed"] },
    { title = "Dead letters, by queue", series = ["dead_letters"] },
    { title = "Unexpected errors, by event", series = ["faults"] },
    { title = "Tasks in queues", series = ["queue_depth"] },
    { title = "How late tasks are attempted: 99th percentile, ms", series = ["queue_delay"] },
    { title = "Requests, per second", series = ["requests"] },
    { title = "Answers of 5xx, per second", series = ["failures"] },
    { title = "Latency: 99th percentile, ms", series = ["latency"] },
    { title = "Instances", series = ["instances"] },
    { title = "Requests without an instance", series = ["turned_away"] },
    { title = "Failed attempts of schedules", series = ["schedule_failures"] },
    { title = "Firestore, per second", series = ["documents_read", "documents_write", "documents_delete"] },
    { title = "What sweepers mended", series = ["mended"] },
    { title = "Audits, repairs, re-indexings that ended, by status", series = ["jobs_ended"] },
    { title = "Those that failed, by kind", series = ["jobs_failed"] },
    { title = "Audits that found drift, by subject", series = ["drift"] },
    { title = "What operators did", series = ["operators_acted"] },
    { title = "Uptime checks that failed", series = ["uptime_failures"] },
    { title = "Products: versions delivered", series = ["deliveries"] },
    { title = "Images rendered, by outcome", series = ["images_rendered"] },
    { title = "Price runs that ended, by status", series = ["price_runs"] },
    { title = "Storefronts rebuilt", series = ["storefronts_built"] },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = var.prefix
    gridLayout = {
      columns = "2"
      widgets = [
        for chart in local.charts : {
          title = chart.title
          xyChart = {
            dataSets = [
              for name in chart.series : merge(
                {
                  plotType = "LINE"
                  timeSeriesQuery = {
                    timeSeriesFilter = {
                      filter = local.series[name].of
                      aggregation = merge(
                        {
                          alignmentPeriod    = "300s"
                          perSeriesAligner   = local.series[name].align
                          crossSeriesReducer = local.series[name].reduce
                        },
                        # The API leaves empty lists out, so that one would be a difference in every plan:
                        # https://github.com/hashicorp/terraform-provider-google/issues/16173
                        length(local.series[name].by) > 0 ? { groupByFields = local.series[name].by } : {},
                      )
                    }
                  }
                },
                # By a label, the label is the legend.
                length(local.series[name].by) > 0 ? {} : { legendTemplate = replace(name, "_", " ") },
              )
            ]
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.this]
}
