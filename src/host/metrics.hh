#pragma once

// The metrics that a process serves to Prometheus: a registry of probes, and the two text formats.
//
// Each component adds one *probe*: a function that writes the component's counts to a MetricSink
// (base/metrics.hh). For each page, all probes are called. The registry keeps no values, so
// counting costs only the component's own members.
//
// Threads: the loop's. Life: construct -> add -> page at any time. Everything that a probe reads
// must live until the last page was made.
// Source: "Prometheus exposition formats", text format 0.0.4; OpenMetrics 1.0.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hh"

namespace polis::host {

enum class MetricFormat { kText, kOpenMetrics };

// The format for a scraper that sends this Accept field. kOpenMetrics: the field names
// application/openmetrics-text, with a weight (q=) above zero that is no less than the weight of
// text/plain. kText: in all other cases, also for an empty field.
MetricFormat metric_format_for(std::string_view accept);
std::string_view content_type_of(MetricFormat format);

class Metrics {
 public:
  using Probe = std::function<void(MetricSink&)>;
  void add(Probe probe) { probes_.push_back(std::move(probe)); }

  // A whole page: the metrics of all probes, sorted by name and labels.
  std::string page(MetricFormat format) const;

 private:
  std::vector<Probe> probes_;
};

}  // namespace polis::host
