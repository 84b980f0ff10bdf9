#pragma once

// Figures of a few panels, as SVG: lines over named points, or bars. For documents, not for
// exploring: what is shown is said by who makes it.
//
// Threads: pure.

#include <string>
#include <vector>

namespace polis::sim {

struct Series {
  std::string name;            // the same name has the same colour in every panel of a figure
  std::vector<double> values;  // as many as the panel has points; below 0: absent
};

struct Panel {
  std::string title;
  std::string unit;                 // of the values
  std::vector<std::string> points;  // along the x axis
  std::vector<Series> series;
  bool bars = false;         // else lines
  bool logarithmic = false;  // the y axis; values of 0 are drawn at its lower end
};

// Three panels in a row. Up to six names.
std::string svg(const std::string& title, const std::vector<Panel>& panels);

}  // namespace polis::sim
