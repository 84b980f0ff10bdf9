#pragma once

// Stands in for prometheus-cpp when an earlier release is built (prometheus-cpp-config.cmake).

#include <string>
#include <vector>

namespace prometheus {

enum class MetricType { Counter, Gauge };

struct ClientMetric {
  struct Value {
    double value = 0;
  };
  Value counter, gauge;
};

struct MetricFamily {
  std::string name, help;
  MetricType type;
  std::vector<ClientMetric> metric;
};

}  // namespace prometheus
