// SPDX-License-Identifier: Apache-2.0
#include "sim/report/line_plot.hpp"

#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

namespace aisle::sim::report {

namespace {

constexpr std::string_view kColours[] = {"#3b6fb6", "#e08a3c", "#3f9b74", "#8a6fb0", "#c25b6a",
                                         "#4aa3a3", "#a8783c", "#7c8796", "#5f7f2e"};
constexpr double kLeft = 64, kTop = 34, kHeight = 220, kBottom = 40, kRight = 12;
constexpr std::size_t kMostPoints = 2000;

double largest(const std::vector<PlotLine>& lines, bool of_y) {
  double most = 0;
  for (const PlotLine& line : lines) {
    for (const auto& [x, y] : line.points) {
      const double value = of_y ? y : x;
      if (std::isfinite(value)) most = std::max(most, value);
    }
  }
  return most;
}

/// Where values lie in the figure.
struct Frame {
  double most_x = 1, most_y = 1;

  double x(double value) const {
    return kLeft + (kFigureWidth - kLeft - kRight) * std::clamp(value / most_x, 0.0, 1.0);
  }

  double y(double value) const {
    return kTop + kHeight * (1 - std::clamp(value / most_y, 0.0, 1.0));
  }
};

void append_grid(std::string& out, const Frame& frame, const PlotAxis& x, const PlotAxis& y) {
  const auto add = std::back_inserter(out);
  for (const Tick& tick : ticks(frame.most_y, y.unit)) {
    fmt::format_to(add,
                   "<line class=\"grid\" x1=\"{0:g}\" x2=\"{1:g}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
                   "<text class=\"small\" text-anchor=\"end\" x=\"{3:g}\" y=\"{4:.1f}\">{5}</text>",
                   kLeft, kFigureWidth - kRight, frame.y(tick.value), kLeft - 6,
                   frame.y(tick.value) + 4, tick.label);
  }
  for (const Tick& tick : ticks(frame.most_x, x.unit)) {
    fmt::format_to(add,
                   "<text class=\"small\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:g}\">{}</text>",
                   frame.x(tick.value), kTop + kHeight + 16, tick.label);
  }
  fmt::format_to(add,
                 "<text class=\"small\" x=\"0\" y=\"12\">{}</text>"
                 "<text class=\"small\" text-anchor=\"middle\" x=\"{:g}\" y=\"{:g}\">{}</text>",
                 escape(y.label), kLeft + (kFigureWidth - kLeft) / 2, kTop + kHeight + 34,
                 escape(x.label));
}

void append_line(std::string& out, const PlotLine& line, const Frame& frame,
                 std::string_view colour) {
  const std::size_t every = (line.points.size() + kMostPoints - 1) / kMostPoints;
  std::string path;
  double before = 0;
  for (std::size_t i = 0; i < line.points.size(); i += every) {
    const auto& [x, y] = line.points[i];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    const auto add = std::back_inserter(path);
    if (path.empty()) {
      fmt::format_to(add, "M{:.1f} {:.1f}", frame.x(x), frame.y(y));
    } else if (line.steps) {
      fmt::format_to(add, "H{:.1f}V{:.1f}", frame.x(x), frame.y(y));
    } else {
      fmt::format_to(add, "L{:.1f} {:.1f}", frame.x(x), frame.y(y));
    }
    before = y;
  }
  if (line.steps && !path.empty()) {
    fmt::format_to(std::back_inserter(path), "V{:.1f}H{:g}", frame.y(before),
                   kFigureWidth - kRight);
  }
  fmt::format_to(std::back_inserter(out),
                 "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" "
                 "stroke-linejoin=\"round\"><title>{}</title></path>",
                 path, colour, escape(line.name));
}

}  // namespace

std::string line_colour(std::size_t index) {
  return std::string(kColours[index % std::size(kColours)]);
}

std::string line_svg(const std::vector<PlotLine>& lines, const PlotAxis& x, const PlotAxis& y) {
  const Frame frame{largest(lines, false), largest(lines, true)};
  if (!(frame.most_x > 0) || !(frame.most_y > 0)) return {};
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{} over {}\">",
                  kFigureWidth, kTop + kHeight + kBottom, escape(y.label), escape(x.label));
  append_grid(out, frame, x, y);
  for (std::size_t i = lines.size(); i-- > 0;) append_line(out, lines[i], frame, line_colour(i));
  return out + "</svg>";
}

std::pair<double, std::string> seconds_unit(double most) {
  if (most >= 2 * 86400) return {86400, "days"};
  if (most >= 2 * 3600) return {3600, "h"};
  if (most >= 600) return {60, "min"};
  if (most >= 1) return {1, "s"};
  return {1e-3, "ms"};
}

}  // namespace aisle::sim::report
