#pragma once

// The numbers that a process serves to Prometheus: a registry that each component adds its own
// probe to, and the two text formats.
//
// A probe is asked for each page and says what its component has counted (base/metrics.hh). Nothing
// is kept between pages, so counting costs no more than the component's own members.
//
// Threads: the loop's. Life: what a probe reads outlives the registry, or the last page.
// Source: "Prometheus exposition formats", text format 0.0.4; OpenMetrics 1.0.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hh"

namespace polis::host {

enum class MetricFormat { kText, kOpenMetrics };

// What a scraper wants by its Accept field: OpenMetrics if it is named and weighs no less than
// text. Everybody else gets text.
MetricFormat metric_format_for(std::string_view accept);
std::string_view content_type_of(MetricFormat format);

class Metrics {
 public:
  using Probe = std::function<void(MetricSink&)>;
  void add(Probe probe) { probes_.push_back(std::move(probe)); }

  // Everything, sorted by name and labels.
  std::string page(MetricFormat format) const;

 private:
  std::vector<Probe> probes_;
};

}  // namespace polis::host
