// SPDX-License-Identifier: Apache-2.0
// Kernel families under the limits of the accelerator.
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace aisle::sim::report {
namespace {

constexpr double kLeft = 64, kRight = 20, kTop = 26, kHeight = 300, kBottom = 40;

struct Mark {
  std::string name;
  double intensity = 0, rate = 0, seconds = 0;
};

/// A logarithmic axis of whole decades.
struct LogAxis {
  int first = 0, last = 1;

  static LogAxis of(double low, double high) {
    LogAxis axis{static_cast<int>(std::floor(std::log10(low))),
                 static_cast<int>(std::ceil(std::log10(high)))};
    axis.last = std::max(axis.last, axis.first + 1);
    return axis;
  }

  double share(double value) const {
    return std::clamp((std::log10(value) - first) / (last - first), 0.0, 1.0);
  }
};

struct Frame {
  LogAxis intensity, rate;

  double x(double value) const {
    return kLeft + (kFigureWidth - kLeft - kRight) * intensity.share(value);
  }

  double y(double value) const { return kTop + kHeight * (1 - rate.share(value)); }
};

std::string power_of_ten(int exponent) {
  return exponent >= -2 && exponent <= 5 ? fmt::format("{:g}", std::pow(10.0, exponent))
                                         : fmt::format("1e{}", exponent);
}

void append_axes(std::string& out, const Frame& frame) {
  const auto add = std::back_inserter(out);
  for (int e = frame.intensity.first; e <= frame.intensity.last; ++e) {
    fmt::format_to(add,
                   "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:g}\" y2=\"{2:g}\"/>"
                   "<text class=\"small\" text-anchor=\"middle\" x=\"{0:.1f}\" y=\"{3:g}\">{4}"
                   "</text>",
                   frame.x(std::pow(10.0, e)), kTop, kTop + kHeight, kTop + kHeight + 16,
                   power_of_ten(e));
  }
  for (int e = frame.rate.first; e <= frame.rate.last; ++e) {
    const double y = frame.y(std::pow(10.0, e));
    fmt::format_to(add,
                   "<line class=\"grid\" x1=\"{0:g}\" x2=\"{1:g}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
                   "<text class=\"small\" text-anchor=\"end\" x=\"{3:g}\" y=\"{4:.1f}\">{5}</text>",
                   kLeft, kFigureWidth - kRight, y, kLeft - 6, y + 4, power_of_ten(e - 12));
  }
  fmt::format_to(add,
                 "<text class=\"small\" x=\"0\" y=\"12\">TFLOP/s</text><text class=\"small\" "
                 "text-anchor=\"middle\" x=\"{:g}\" y=\"{:g}\">FLOP per byte of HBM "
                 "traffic</text>",
                 kLeft + (kFigureWidth - kLeft) / 2, kTop + kHeight + 34);
}

void append_roofs(std::string& out, const Frame& frame, const pb::Roofline& roofline) {
  const auto add = std::back_inserter(out);
  double most = 0;
  for (const pb::Roof& roof : roofline.roof()) most = std::max(most, roof.flops_per_s());
  const double low = std::pow(10.0, frame.rate.first);
  const double bandwidth = roofline.hbm_bytes_per_s();
  const double from = std::max(std::pow(10.0, frame.intensity.first), low / bandwidth);
  fmt::format_to(
      add, "<line class=\"axis\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>",
      frame.x(from), frame.y(from * bandwidth), frame.x(most / bandwidth), frame.y(most));
  for (const pb::Roof& roof : roofline.roof()) {
    const double y = frame.y(roof.flops_per_s());
    fmt::format_to(add,
                   "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:g}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
                   "<text class=\"small\" text-anchor=\"end\" x=\"{:g}\" y=\"{:.1f}\">{} {} "
                   "TFLOP/s</text>",
                   frame.x(roof.flops_per_s() / bandwidth), kFigureWidth - kRight, y, y,
                   kFigureWidth - kRight, y - 4, escape(roof.precision()),
                   significant(roof.flops_per_s() / 1e12, 4));
  }
}

}  // namespace

std::string roofline_svg(const pb::Result& result) {
  std::vector<Mark> marks;
  double total = 0, least_x = 0.1, least_y = 1e13, most_x = 1000, most_y = 0;
  for (const pb::FamilyTime& family : result.family()) {
    if (family.flops() <= 0 || family.hbm_bytes() <= 0 || family.seconds() <= 0) continue;
    std::string name = family.family();
    std::replace(name.begin(), name.end(), '_', ' ');
    marks.push_back({std::move(name), family.flops() / family.hbm_bytes(),
                     family.flops() / family.seconds(), family.seconds()});
    total += family.seconds();
    least_x = std::min(least_x, marks.back().intensity);
    most_x = std::max(most_x, marks.back().intensity);
    least_y = std::min(least_y, marks.back().rate);
  }
  for (const pb::Roof& roof : result.roofline().roof()) {
    most_y = std::max(most_y, roof.flops_per_s());
  }
  if (marks.empty() || most_y <= 0 || result.roofline().hbm_bytes_per_s() <= 0) return {};
  const Frame frame{LogAxis::of(least_x, most_x), LogAxis::of(least_y, most_y)};
  std::string out = fmt::format(
      "<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"Rates of kernel families against "
      "peaks and memory bandwidth\">",
      kFigureWidth, kTop + kHeight + kBottom);
  append_axes(out, frame);
  append_roofs(out, frame, result.roofline());
  for (const Mark& mark : marks) {
    const double radius = std::max(3.0, 26 * std::sqrt(mark.seconds / total));
    const double x = frame.x(mark.intensity), y = frame.y(mark.rate);
    fmt::format_to(std::back_inserter(out),
                   "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" "
                   "fill-opacity=\".55\"><title>{}: {} TFLOP/s at {} FLOP per byte</title>"
                   "</circle><text class=\"small halo\" text-anchor=\"middle\" x=\"{:.1f}\" "
                   "y=\"{:.1f}\">{}</text>",
                   x, y, radius, kind_colour(0), escape(mark.name),
                   significant(mark.rate / 1e12, 3), significant(mark.intensity, 3), x,
                   y + radius + 12, escape(mark.name));
  }
  return out + "</svg>";
}

}  // namespace aisle::sim::report
