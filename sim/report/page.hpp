// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: figures (inline SVG) and the style of the page.
#pragma once

#include "sim/study/result.pb.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim::report {

/// Text as the content or attribute value of an HTML or SVG element.
std::string escape(std::string_view text);
/// The style sheet of the page, and that of its figures alone.
std::string_view style();
std::string_view figure_style();

/// Width of every figure in its own units; the page scales it.
inline constexpr double kFigureWidth = 760;

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
/// A bar for a share of a whole, as small as error_svg().
std::string bar_svg(double share, std::string_view colour);
/// Kernel families under the limits of the accelerator (roofline.cpp); empty where the result has
/// none.
std::string roofline_svg(const pb::Result& result);
/// What a metric becomes with each input at the ends of its interval (tornado.cpp).
std::string tornado_svg(const pb::Result& result, std::string_view metric);

}  // namespace aisle::sim::report
