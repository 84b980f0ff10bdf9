#include "host/metrics.hh"

#include <gtest/gtest.h>

#include <limits>

#include "host/process_metrics.hh"

namespace polis::host {
namespace {

using std::chrono::milliseconds;

std::string page_of(const Metrics::Probe& probe, MetricFormat format = MetricFormat::kText) {
  Metrics metrics;
  metrics.add(probe);
  return metrics.page(format);
}

TEST(Metrics, families_are_sorted_by_name_whichever_probe_has_them) {
  Metrics metrics;
  metrics.add([](MetricSink& out) { out.gauge("b", "Second", 2); });
  metrics.add([](MetricSink& out) {
    out.counter("c_total", "Third", 3);
    out.gauge("a", "First", 1.5);
  });
  EXPECT_EQ(metrics.page(MetricFormat::kText),
            "# HELP a First\n# TYPE a gauge\na 1.5\n"
            "# HELP b Second\n# TYPE b gauge\nb 2\n"
            "# HELP c_total Third\n# TYPE c_total counter\nc_total 3\n");
}

TEST(Metrics, samples_of_a_family_stand_together_sorted_by_labels) {
  Metrics metrics;
  metrics.add([](MetricSink& out) { out.gauge("a", "A", 2, {{"z", "1"}, {"method", "Put"}}); });
  metrics.add([](MetricSink& out) { out.gauge("b", "B", 0); });
  metrics.add([](MetricSink& out) { out.gauge("a", "A", 1, {{"method", "Get"}, {"z", "2"}}); });
  EXPECT_EQ(metrics.page(MetricFormat::kText),
            "# HELP a A\n# TYPE a gauge\n"
            "a{method=\"Get\",z=\"2\"} 1\na{method=\"Put\",z=\"1\"} 2\n"
            "# HELP b B\n# TYPE b gauge\nb 0\n");
}

TEST(Metrics, a_label_may_hold_anything_and_help_a_backslash_and_a_line_end) {
  const auto probe = [](MetricSink& out) {
    out.gauge("a", "say \"C:\\\"\nand go on", 1, {{"path", "\"C:\\dir\"\nnext"}});
  };
  EXPECT_EQ(page_of(probe),
            "# HELP a say \"C:\\\\\"\\nand go on\n# TYPE a gauge\n"
            "a{path=\"\\\"C:\\\\dir\\\"\\nnext\"} 1\n");
  EXPECT_EQ(page_of(probe, MetricFormat::kOpenMetrics),
            "# HELP a say \\\"C:\\\\\\\"\\nand go on\n# TYPE a gauge\n"
            "a{path=\"\\\"C:\\\\dir\\\"\\nnext\"} 1\n# EOF\n");
}

TEST(Metrics, a_histogram_is_cumulative_and_ends_with_everything) {
  DurationHistogram took(milliseconds(500), 3);
  took.add(milliseconds(100));
  took.add(milliseconds(2000));
  took.add(milliseconds(9000));
  const auto probe = [&](MetricSink& out) { out.histogram("a_seconds", "A", took, {{"d", "x"}}); };
  const std::string head = "# HELP a_seconds A\n# TYPE a_seconds histogram\n";
  const std::string tail =
      "a_seconds_bucket{d=\"x\",le=\"+Inf\"} 3\na_seconds_sum{d=\"x\"} 11.1\n"
      "a_seconds_count{d=\"x\"} 3\n";
  EXPECT_EQ(page_of(probe), head +
                                "a_seconds_bucket{d=\"x\",le=\"0.5\"} 1\n"
                                "a_seconds_bucket{d=\"x\",le=\"1\"} 1\n"
                                "a_seconds_bucket{d=\"x\",le=\"2\"} 2\n" +
                                tail);
  EXPECT_EQ(page_of(probe, MetricFormat::kOpenMetrics),
            head +
                "a_seconds_bucket{d=\"x\",le=\"0.5\"} 1\n"
                "a_seconds_bucket{d=\"x\",le=\"1.0\"} 1\n"
                "a_seconds_bucket{d=\"x\",le=\"2.0\"} 2\n" +
                tail + "# EOF\n");
}

TEST(Metrics, numbers_are_written_so_that_they_read_back_the_same) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string page = page_of([](MetricSink& out) {
    out.gauge("a", "A", 4503599627370497.0);
    out.gauge("b", "B", 0.1);
    out.gauge("c", "C", kInfinity);
    out.gauge("d", "D", -kInfinity);
    out.gauge("e", "E", std::numeric_limits<double>::quiet_NaN());
    out.gauge("f", "F", 1e21);
  });
  for (const char* line : {"\na 4503599627370497\n", "\nb 0.1\n", "\nc +Inf\n", "\nd -Inf\n",
                           "\ne NaN\n", "\nf 1e+21\n"})
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
}

TEST(Metrics, a_counter_of_open_metrics_has_the_short_name_unless_that_is_taken) {
  const std::string page = page_of(
      [](MetricSink& out) {
        out.counter("calls_total", "Calls begun", 7);
        out.gauge("calls", "Open calls", 2);
        out.counter("bytes_total", "Bytes", 9);
      },
      MetricFormat::kOpenMetrics);
  EXPECT_EQ(page,
            "# HELP bytes Bytes\n# TYPE bytes counter\nbytes_total 9\n"
            "# HELP calls Open calls\n# TYPE calls gauge\ncalls 2\n"
            "# HELP calls_total Calls begun\n# TYPE calls_total unknown\ncalls_total 7\n"
            "# EOF\n");
}

TEST(Metrics, an_empty_registry_is_an_empty_page) {
  EXPECT_EQ(Metrics().page(MetricFormat::kText), "");
  EXPECT_EQ(Metrics().page(MetricFormat::kOpenMetrics), "# EOF\n");
}

TEST(MetricFormat, open_metrics_is_for_those_who_weigh_it_no_less_than_text) {
  using enum MetricFormat;
  const std::pair<const char*, MetricFormat> cases[] = {
      {"", kText},
      {"*/*", kText},
      {"text/html,application/xhtml+xml,*/*;q=0.8", kText},
      {"text/plain;version=0.0.4", kText},
      // Prometheus 3 and 2.
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,"
       "application/openmetrics-text;version=0.0.1;q=0.6,"
       "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,"
       "*/*;q=0.3",
       kOpenMetrics},
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       kOpenMetrics},
      {"application/openmetrics-text", kOpenMetrics},
      {" application/openmetrics-text ; q=0.3 , text/plain ; q=0.5", kText},
      {"application/openmetrics-text;q=0.5,text/plain;q=0.5", kOpenMetrics},
      {"application/openmetrics-text;q=0", kText},
      {"application/openmetrics-text;q=nonsense", kText},
      {"application/openmetrics-text;version=2.0.0", kText},
      {",;,;q=1,=;;", kText},
  };
  for (const auto& [accept, format] : cases) EXPECT_EQ(metric_format_for(accept), format) << accept;
}

TEST(ProcessMetrics, this_process_has_used_something_of_everything) {
  const std::string page = page_of(report_process);
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
                           "process_start_time_seconds"}) {
    const std::size_t at = page.find("\n" + std::string(name) + " ");
    ASSERT_NE(at, std::string::npos) << name << "\n" << page;
    EXPECT_GE(std::stod(page.substr(at + std::strlen(name) + 2)), 0) << name;
  }
}

}  // namespace
}  // namespace polis::host
