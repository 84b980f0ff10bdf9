#pragma once

// What Prometheus' client libraries say of every process: process_cpu_seconds_total and others.
//
// Threads: any.

#include "base/metrics.hh"

namespace polis::host {

void report_process(MetricSink& out);

}  // namespace polis::host
