// SPDX-License-Identifier: Apache-2.0
// Errors of a validation by chip, kind or scale: a line for each group, a mark for each row.
#include "sim/base/statistics.hpp"
#include "sim/report/page.hpp"
#include "sim/report/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <vector>

namespace aisle::sim {

namespace {

constexpr double kWidth = 760, kLeft = 190, kRight = 90, kTop = 56, kLine = 22;
constexpr double kEdge = 3;  ///< times as long, at the ends of the axis; beyond it marks stick

double x_of(double log) {
  const double share = std::clamp(log / std::log(kEdge), -1.0, 1.0);
  return kLeft + (kWidth - kLeft - kRight) * (1 + share) / 2;
}

void append_frame(std::string_view by, double bottom, std::string& out) {
  for (const double factor : {1 / kEdge, 0.5, 0.8, 1.0, 1.25, 2.0, kEdge}) {
    fmt::format_to(std::back_inserter(out),
                   "<line class=\"{0}\" x1=\"{1:.1f}\" x2=\"{1:.1f}\" y1=\"{2:g}\" y2=\"{3:g}\"/>"
                   "<text text-anchor=\"middle\" x=\"{1:.1f}\" y=\"{4:g}\">{5:.3g}</text>",
                   factor == 1.0 ? "equal" : "grid", x_of(std::log(factor)), kTop - 6, bottom,
                   bottom + 16, factor);
  }
  fmt::format_to(std::back_inserter(out),
                 "<text text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:g}\">predicted over measured "
                 "time (rates turned over); bar: median</text>"
                 "<text class=\"title\" x=\"8\" y=\"22\">Errors by {}: a mark for each row</text>"
                 "<text text-anchor=\"end\" x=\"{:g}\" y=\"{:g}\">rows, median</text>",
                 x_of(0), bottom + 36, by == "chips" ? "number of chips" : by, kWidth - 6,
                 kTop - 10);
}

void append_line(const ErrorGroup& group, std::vector<double> errors, double y, std::string& out) {
  std::sort(errors.begin(), errors.end());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    // Marks of like errors stand beside each other.
    const double shift = 2.0 * static_cast<double>(i % 5) - 4.0;
    fmt::format_to(std::back_inserter(out), "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>\n",
                   x_of(errors[i]), y + shift);
  }
  fmt::format_to(std::back_inserter(out),
                 "<line class=\"median\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" "
                 "y2=\"{2:.1f}\"/><text text-anchor=\"end\" x=\"{3:g}\" y=\"{4:.1f}\">{5}</text>"
                 "<text text-anchor=\"end\" x=\"{6:g}\" y=\"{4:.1f}\">{7}, {8:.1f} %</text>\n",
                 x_of(quantile(errors, 0.5)), y - 8, y + 8, kLeft - 8, y + 4,
                 report::escape(group.name.empty() ? "not stated" : group.name), kWidth - 6,
                 group.rows, 100 * group.median);
}

}  // namespace

std::string error_strips_svg(const Validation& validation, std::string_view by) {
  std::map<std::string, std::vector<double>> errors;
  for (const ValidationRow& row : validation.rows) {
    const auto group = row.predicted ? group_of(row, by) : std::nullopt;
    if (group) errors[*group].push_back(row.sense() * std::log(*row.predicted / row.measured));
  }
  std::vector<const ErrorGroup*> groups;
  for (const ErrorGroup& group : validation.groups) {
    if (group.by == by && errors.contains(group.name)) groups.push_back(&group);
  }
  if (groups.empty()) return {};
  const double bottom = kTop + kLine * static_cast<double>(groups.size());
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:g} {:g}\" role=\"img\" "
      "aria-label=\"Errors by {}\">\n<style>text{{font:12px sans-serif;fill:#22303f}}"
      ".title{{font-weight:bold}}.grid{{stroke:#dde3ea}}.equal{{stroke:#22303f}}"
      ".median{{stroke:#b3261e;stroke-width:2}}circle{{fill:#3b6fb6;fill-opacity:.5}}</style>\n"
      "<rect x=\"0\" y=\"0\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      kWidth, bottom + 48, by);
  append_frame(by, bottom, out);
  double y = kTop + kLine / 2;
  for (const ErrorGroup* group : groups) {
    append_line(*group, std::move(errors[group->name]), y, out);
    y += kLine;
  }
  return out + "</svg>\n";
}

}  // namespace aisle::sim
