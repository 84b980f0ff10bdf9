#include "host/metrics.hh"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "base/check.hh"

namespace polis::host {
namespace {

enum class MetricType { kCounter, kGauge, kHistogram };
constexpr std::string_view kTotal = "_total";

using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by name

struct Sample {
  Labels labels;
  double value = 0;
  std::optional<DurationHistogram> histogram;
};

struct Family {
  MetricType type;
  std::string help;
  std::vector<Sample> samples;
};
using Families = std::map<std::string, Family, std::less<>>;

bool is_name(std::string_view name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto inside = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, inside);
}

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// What all probes say.
class Collected final : public MetricSink {
 public:
  void counter(std::string_view name, std::string_view help, double value,
               MetricLabels labels) override {
    CHECK(name.ends_with(kTotal));
    add(MetricType::kCounter, name, help, labels).value = value;
  }
  void gauge(std::string_view name, std::string_view help, double value,
             MetricLabels labels) override {
    add(MetricType::kGauge, name, help, labels).value = value;
  }
  void histogram(std::string_view name, std::string_view help, const DurationHistogram& value,
                 MetricLabels labels) override {
    add(MetricType::kHistogram, name, help, labels).histogram = value;
  }

  // Sorted by name, and by labels within.
  const Families& sorted() {
    for (auto& [name, family] : families_)
      std::ranges::stable_sort(family.samples, {}, &Sample::labels);
    return families_;
  }

 private:
  Sample& add(MetricType type, std::string_view name, std::string_view help, MetricLabels labels) {
    CHECK(is_name(name));
    auto found = families_.find(name);
    if (found == families_.end())
      found = families_.emplace(name, Family{type, std::string(help), {}}).first;
    CHECK(found->second.type == type && found->second.help == help);
    Sample& sample = found->second.samples.emplace_back();
    for (const MetricLabel& label : labels) {
      CHECK(is_name(label.name));
      sample.labels.emplace_back(label.name, label.value);
    }
    std::ranges::sort(sample.labels);
    return sample;
  }

  Families families_;
};

// Backslash, line end, and, if asked, the quotation mark.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

class Writer {
 public:
  Writer(const Families& families, MetricFormat format) : families_(families), format_(format) {}

  std::string write() {
    for (const auto& [name, family] : families_) write_family(name, family);
    if (format_ == MetricFormat::kOpenMetrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  void write_family(const std::string& name, const Family& family) {
    std::string title = name;
    std::string_view type = family.type == MetricType::kCounter ? "counter"
                            : family.type == MetricType::kGauge ? "gauge"
                                                                : "histogram";
    if (format_ == MetricFormat::kOpenMetrics && family.type == MetricType::kCounter) {
      // A counter's name has no "_total" there, only its value does. Where something else has the
      // shorter name already, the type is left open: names are not to change with the format.
      const std::string shorter = name.substr(0, name.size() - kTotal.size());
      if (families_.contains(shorter))
        type = "unknown";
      else
        title = shorter;
    }
    out_ += fmt::format("# HELP {} ", title);
    append_escaped(out_, family.help, format_ == MetricFormat::kOpenMetrics);
    out_ += fmt::format("\n# TYPE {} {}\n", title, type);
    for (const Sample& sample : family.samples) {
      if (sample.histogram)
        write_histogram(name, sample);
      else
        write_line(name, sample.labels, {}, sample.value);
    }
  }

  void write_histogram(const std::string& name, const Sample& sample) {
    const DurationHistogram& histogram = *sample.histogram;
    std::uint64_t through = 0;
    for (std::size_t i = 0; i < histogram.buckets(); ++i) {
      through += histogram.count_in(i);
      write_line(name + "_bucket", sample.labels, bound(in_seconds(histogram.bound(i))),
                 static_cast<double>(through));
    }
    const double count = static_cast<double>(histogram.count());
    write_line(name + "_bucket", sample.labels, "+Inf", count);
    write_line(name + "_sum", sample.labels, {}, in_seconds(histogram.sum()));
    write_line(name + "_count", sample.labels, {}, count);
  }

  // OpenMetrics writes a whole number as "1.0".
  std::string bound(double seconds) const {
    std::string text = number(seconds);
    if (format_ == MetricFormat::kOpenMetrics && text.find_first_of(".e") == std::string::npos)
      text += ".0";
    return text;
  }

  void write_line(std::string_view name, const Labels& labels, std::string_view le, double value) {
    out_ += name;
    char before = '{';
    for (const auto& [label, text] : labels) write_label(std::exchange(before, ','), label, text);
    if (!le.empty()) write_label(std::exchange(before, ','), "le", le);
    if (before == ',') out_ += '}';
    out_ += ' ';
    out_ += number(value);
    out_ += '\n';
  }

  void write_label(char before, std::string_view name, std::string_view value) {
    out_ += before;
    out_ += name;
    out_ += "=\"";
    append_escaped(out_, value, true);
    out_ += '"';
  }

  const Families& families_;
  MetricFormat format_;
  std::string out_;
};

// --- Accept

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts what comes before the next `separator` off the front of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return part;
}

double weight_of(std::string_view text) {
  double weight = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  return error == std::errc() && end == text.data() + text.size() ? weight : 0;
}

}  // namespace

MetricFormat metric_format_for(std::string_view accept) {
  double open_metrics = 0, text = 0;
  while (!accept.empty()) {
    std::string_view range = next_part(accept, ',');
    const std::string_view type = next_part(range, ';');
    double weight = 1;
    bool known = true;
    while (!range.empty()) {
      const std::string_view parameter = next_part(range, ';');
      if (parameter.starts_with("q=")) weight = weight_of(parameter.substr(2));
      if (parameter.starts_with("version="))
        known = parameter == "version=1.0.0" || parameter == "version=0.0.1";
    }
    if (type == "application/openmetrics-text") {
      if (known) open_metrics = std::max(open_metrics, weight);
    } else if (type == "text/plain" || type == "text/*") {
      text = std::max(text, weight);
    }
  }
  return open_metrics > 0 && open_metrics >= text ? MetricFormat::kOpenMetrics
                                                  : MetricFormat::kText;
}

std::string_view content_type_of(MetricFormat format) {
  return format == MetricFormat::kText
             ? "text/plain; version=0.0.4; charset=utf-8"
             : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

std::string Metrics::page(MetricFormat format) const {
  Collected collected;
  for (const Probe& probe : probes_) probe(collected);
  return Writer(collected.sorted(), format).write();
}

}  // namespace polis::host
