#include "sim/plot.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace polis::sim {
namespace {

constexpr double kPanelWidth = 400, kPanelHeight = 290;
constexpr double kLeft = 62, kRight = 14, kTop = 44, kBottom = 40;
constexpr double kHead = 64;  // title and legend
constexpr std::size_t kColumns = 3;
// Told apart by those who see no red or no green, too (Okabe and Ito).
constexpr std::array<const char*, 6> kColours{"#0072b2", "#d55e00", "#009e73",
                                              "#cc79a7", "#e69f00", "#56b4e9"};
// And where lines lie on each other.
constexpr std::array<const char*, 6> kDashes{"none", "9 5", "3 4", "12 3 3 3", "6 2", "1 3"};

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string text(double x, double y, const std::string& what, const char* anchor = "start",
                 int size = 12) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\">{}</text>\n", x, y,
      anchor, size, escaped(what));
}

std::string short_number(double value) {
  if (value >= 100) return fmt::format("{:.0f}", value);
  if (value >= 10) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2g}", value);
}

// Where values stand between the bottom and the top of a panel. Logarithmic ones of a figure have
// one scale, so that they can be compared.
class Scale {
 public:
  Scale(const Panel& panel, const std::vector<Panel>& figure) : logarithmic_(panel.logarithmic) {
    double least = 0, most = 0;
    for (const Panel& other : figure) {
      if (&other != &panel && !(logarithmic_ && other.logarithmic)) continue;
      for (const Series& series : other.series) {
        for (double value : series.values) {
          most = std::max(most, value);
          if (value > 0) least = least == 0 ? value : std::min(least, value);
        }
      }
    }
    if (most == 0) most = least = 1;
    if (logarithmic_) {
      low_ = std::log10(least) - 0.1;
      high_ = std::log10(most) + 0.1;
    } else {
      step_ = std::pow(10, std::floor(std::log10(most)));
      while (most / step_ < 4) step_ /= 2;
      high_ = std::ceil(most * 1.06 / step_) * step_;  // room for what is written above
    }
  }

  // 0 at the bottom, 1 at the top.
  double of(double value) const {
    const double at = logarithmic_ ? (value > 0 ? std::log10(value) : low_) : value;
    return (at - low_) / (high_ - low_);
  }
  std::vector<double> ticks() const {
    std::vector<double> all;
    if (logarithmic_) {
      for (double decade = std::floor(low_); decade <= high_; ++decade) {
        for (double digit : {1, 2, 5}) {
          const double tick = digit * std::pow(10, decade);
          if (of(tick) >= 0 && of(tick) <= 1) all.push_back(tick);
        }
      }
    } else {
      for (double at = 0; at <= high_ + step_ / 2; at += step_) all.push_back(at);
    }
    return all;
  }

 private:
  bool logarithmic_;
  double low_ = 0, high_ = 1, step_ = 1;
};

class Drawing {
 public:
  Drawing(const Panel& panel, const std::vector<Panel>& figure, double x, double y,
          const std::vector<std::string>& names)
      : panel_(panel), names_(names), scale_(panel, figure), x_(x + kLeft), y_(y + kTop) {}

  std::string draw() {
    axes();
    for (std::size_t i = 0; i < panel_.series.size(); ++i) {
      panel_.bars ? bars(i) : line(panel_.series[i]);
    }
    return std::move(out_);
  }

 private:
  static constexpr double kWidth = kPanelWidth - kLeft - kRight;
  static constexpr double kHeight = kPanelHeight - kTop - kBottom;

  double slot() const { return kWidth / static_cast<double>(panel_.points.size()); }
  double x_of(std::size_t point) const { return x_ + slot() * (static_cast<double>(point) + 0.5); }
  double y_of(double value) const { return y_ + kHeight * (1 - scale_.of(value)); }
  std::size_t place(const std::string& name) const {
    return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) -
                                    names_.begin()) %
           kColours.size();
  }
  const char* colour(const std::string& name) const { return kColours[place(name)]; }

  void axes() {
    out_ += text(x_, y_ - 24, panel_.title, "start", 14);
    out_ += text(x_, y_ - 8, panel_.unit, "start", 11);
    for (double tick : scale_.ticks()) {
      out_ += fmt::format(
          "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", x_,
          y_of(tick), x_ + kWidth, y_of(tick));
      out_ += text(x_ - 6, y_of(tick) + 4, fmt::format("{:g}", tick), "end", 11);
    }
    for (std::size_t i = 0; i < panel_.points.size(); ++i)
      out_ += text(x_of(i), y_ + kHeight + 18, panel_.points[i], "middle", 11);
  }

  void line(const Series& series) {
    std::string path;
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (series.values[i] < 0) continue;
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x_of(i),
                          y_of(series.values[i]));
      out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x_of(i),
                          y_of(series.values[i]), colour(series.name));
    }
    out_ += fmt::format(
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" "
        "stroke-dasharray=\"{}\"/>\n",
        path, colour(series.name), kDashes[place(series.name)]);
  }

  void bars(std::size_t which) {
    const Series& series = panel_.series[which];
    const double width = slot() * 0.8 / static_cast<double>(panel_.series.size());
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (series.values[i] < 0) continue;
      const double left = x_of(i) - slot() * 0.4 + width * static_cast<double>(which);
      const double top = y_of(series.values[i]);
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
          left, top, width * 0.92, y_ + kHeight - top, colour(series.name));
      out_ += text(left + width * 0.46, top - 3, short_number(series.values[i]), "middle", 9);
    }
  }

  const Panel& panel_;
  const std::vector<std::string>& names_;
  Scale scale_;
  double x_, y_;  // the upper left corner of what is drawn on
  std::string out_;
};

}  // namespace

std::string svg(const std::string& title, const std::vector<Panel>& panels) {
  std::vector<std::string> names;
  for (const Panel& panel : panels) {
    for (const Series& series : panel.series) {
      if (std::find(names.begin(), names.end(), series.name) == names.end())
        names.push_back(series.name);
    }
  }
  const std::size_t rows = (panels.size() + kColumns - 1) / kColumns;
  const double width = kPanelWidth * static_cast<double>(std::min(panels.size(), kColumns));
  const double height = kHead + kPanelHeight * static_cast<double>(rows);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" font-family=\"sans-serif\" fill=\"#222\">\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"white\"/>\n",
      width, height);
  out += text(16, 26, title, "start", 17);
  double x = 16;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += fmt::format("<rect x=\"{:.1f}\" y=\"40\" width=\"14\" height=\"14\" fill=\"{}\"/>\n", x,
                       kColours[i % kColours.size()]);
    out += text(x + 20, 52, names[i], "start", 13);
    x += 44 + 8.0 * static_cast<double>(names[i].size());
  }
  for (std::size_t i = 0; i < panels.size(); ++i)
    out += Drawing(panels[i], panels, kPanelWidth * static_cast<double>(i % kColumns),
                   kHead + kPanelHeight * static_cast<double>(i / kColumns), names)
               .draw();
  return out + "</svg>\n";
}

}  // namespace polis::sim
