#pragma once

// The metrics that Prometheus' client libraries have for every process: process_cpu_seconds_total
// and others.
//
// Threads: any.

#include "base/metrics.hh"

namespace polis::host {

// Writes them to `out`, as the system counts them now.
void report_process(MetricSink& out);

}  // namespace polis::host
