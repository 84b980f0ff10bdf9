#pragma once

// Draws figures of a few panels as SVG, for documents: lines over named points, or bars.
//
// Threads: pure functions, from any thread.

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

// The SVG text of a figure, with three panels in each row. At most six different series names.
std::string svg(const std::string& title, const std::vector<Panel>& panels);

}  // namespace polis::sim
