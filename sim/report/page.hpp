// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: the pieces of the HTML page.
#pragma once

#include "sim/study/result.pb.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim::report {

/// Text as the content or attribute value of an HTML or SVG element.
std::string escape(std::string_view text);
/// The style sheet of the page.
std::string_view style();

/// Width of every figure in its own units; the page scales it.
inline constexpr double kFigureWidth = 1080;

struct Tick {
  double value = 0;
  std::string label;
};

/// Round values from 0 to `end`, at most ten, labelled as multiples of `unit`.
std::vector<Tick> ticks(double end, double unit);

/// Colour of each use of memory; the usual ones always have the same.
std::vector<std::string> use_colours(const std::vector<std::string>& uses);
/// Colour of a kind of span.
std::string_view kind_colour(int kind);

/// Shares of the step, left to right.
std::string breakdown_svg(const pb::Result& result);
/// Use of memory by pipeline rank against its capacity.
std::string memory_svg(const pb::Result& result);
/// Error of one comparison on a scale that holds its bound.
std::string error_svg(const pb::Comparison& comparison);

}  // namespace aisle::sim::report
