// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: figures of lines.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace aisle::sim::report {

/// One line of a figure; points in order of x.
struct PlotLine {
  std::string name;
  std::vector<std::pair<double, double>> points;
  bool steps = false;  ///< a value holds until the next point
};

/// Axes that start at 0. `unit` divides the numbers of the axis before they are written: 1e-3 for
/// seconds that are labelled in ms.
struct PlotAxis {
  std::string label;
  double unit = 1;
};

/// Lines over one pair of axes as inline SVG; empty where there is no point. Lines of more than
/// 2,000 points are thinned evenly.
std::string line_svg(const std::vector<PlotLine>& lines, const PlotAxis& x, const PlotAxis& y);
/// Colour of a line by its place among the lines.
std::string line_colour(std::size_t index);

/// Unit for an axis of seconds up to `most`, and its name: {1e-3, "ms"}.
std::pair<double, std::string> seconds_unit(double most);

}  // namespace aisle::sim::report
