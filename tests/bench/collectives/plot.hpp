// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace aisle::bench {

struct Point {
  double x, y;
};

struct Series {
  std::string name, colour;
  std::string dashes;  ///< of SVG's stroke-dasharray; empty: a solid line
  std::vector<Point> points;
};

struct Panel {
  std::string title;
  int first, last;  ///< decades of the vertical axis
  std::vector<Series> series;
};

/// Panels side by side over one logarithmic horizontal axis of powers of four, with one legend for
/// all series of the first.
std::string log_log_svg(const std::vector<Panel>& panels, const std::string& horizontal,
                        double from, double to);

}  // namespace aisle::bench
