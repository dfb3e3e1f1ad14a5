// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace aisle::sim::report {

/// What a figure becomes with one input at either end.
struct TornadoBar {
  std::string input;
  double low = 0, high = 0;     ///< the figure, by the input's end
  std::string at_low, at_high;  ///< the ends, for tool-tips
};

/// Bars from `base` to both ends, one below the other, as they come. `text` prints a figure with so
/// many digits; `names` is the width for the inputs, in pixels of kFigureWidth. Empty without bars.
std::string tornado_bars(std::span<const TornadoBar> bars, double base,
                         const std::function<std::string(double value, int digits)>& text,
                         std::string_view label, double names);

}  // namespace aisle::sim::report
