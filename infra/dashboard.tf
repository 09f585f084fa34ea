# One page to look at first: is the work done, in time, by how many instances, and at what cost.

locals {
  # Title -> series: a metric, aligned, added up (or taken together) by a label; a name where there is no such label.
  charts = [
    { title = "Returns: runs of the sync that finished", series = [local.counts.sync_finished, local.counts.sync_taken_over] },
    { title = "Returns: batches pushed", series = [local.counts.batches_pushed] },
    { title = "Dead letters", series = [merge(local.counts.dead_letters, { by = ["metric.label.queue"] })] },
    { title = "Unexpected errors", series = [merge(local.counts.faults, { by = ["metric.label.event"] })] },
    { title = "Tasks in queues", series = [{ of = local.measured.queue_depth, align = "ALIGN_MEAN", reduce = "REDUCE_SUM", by = ["resource.label.queue_id"], name = null }] },
    { title = "Lateness of tasks, 99th percentile (ms)", series = [{ of = local.measured.queue_delays, align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_99", by = ["resource.label.queue_id"], name = null }] },
    { title = "Requests (1/s)", series = [{ of = local.measured.requests, align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["resource.label.service_name"], name = null }] },
    { title = "Answers of 5xx (1/s)", series = [{ of = local.measured.failures, align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["resource.label.service_name"], name = null }] },
    { title = "Latency, 99th percentile (ms)", series = [{ of = local.measured.latencies, align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_99", by = ["resource.label.service_name"], name = null }] },
    { title = "Instances", series = [{ of = local.measured.instances, align = "ALIGN_MAX", reduce = "REDUCE_SUM", by = ["resource.label.service_name"], name = null }] },
    { title = "Requests without an instance", series = [merge(local.counts.turned_away, { by = ["resource.label.service_name"] })] },
    { title = "Failed attempts of schedules", series = [merge(local.counts.schedule_failures, { by = ["resource.label.job_id"] })] },
    {
      title = "Firestore: documents (1/s)"
      series = [
        for name in ["reads", "writes", "deletes"] :
        { of = local.measured[name], align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = [], name = name }
      ]
    },
    { title = "What sweepers mended", series = [merge(local.counts.mended, { by = ["metric.label.event"] })] },
    { title = "Products: versions delivered", series = [local.counts.deliveries] },
    { title = "Images: rendered", series = [merge(local.counts.images_rendered, { by = ["metric.label.outcome"] })] },
    { title = "Prices: runs that ended", series = [merge(local.counts.price_runs, { by = ["metric.label.status"] })] },
    { title = "Storefronts: rebuilt", series = [local.counts.storefronts_built] },
  ]
  counts = {
    for name, filter in local.counted :
    name => { of = filter, align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = [], name = replace(name, "_", " ") }
  }
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
              for series in chart.series : merge({
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = series.of
                    aggregation = {
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = series.align
                      crossSeriesReducer = series.reduce
                      groupByFields      = series.by
                    }
                  }
                }
              }, length(series.by) > 0 ? {} : { legendTemplate = series.name })
            ]
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.this]
}
