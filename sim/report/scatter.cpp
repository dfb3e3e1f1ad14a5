// SPDX-License-Identifier: Apache-2.0
#include "sim/report/page.hpp"
#include "sim/report/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <string_view>

namespace aisle::sim {

namespace {

/// Rows of one colour: those of a size class, or of a kind of model.
struct Class {
  std::string_view of, colour, label;
};

constexpr Class kSizes[] = {
    {"<= 64 KiB", "#3b6fb6", "to 64 KiB"},
    {"to 16 MiB", "#e08a3c", "to 16 MiB"},
    {"above", "#3f9b74", "above 16 MiB"},
};
constexpr Class kModels[] = {
    {"dense", "#3b6fb6", "dense"},
    {"moe", "#e08a3c", "experts"},
};

/// What the metric with the most rows measures.
struct Quantity {
  std::string_view metric, label;
};

constexpr Quantity kQuantities[] = {
    {"time_us", "time, us"},
    {"algbw_GBps", "bandwidth, GB/s"},
    {"busbw_GBps", "bandwidth, GB/s"},
    {"step_time", "time of a step, s"},
    {"tokens_per_s_per_chip", "tokens/s per chip"},
    {"samples_per_s", "sequences/s"},
    {"tflops_per_chip", "TFLOP/s per chip"},
};

bool is_training(const ValidationRow& row) {
  return row.ledger == LedgerKind::training;
}

std::span<const Class> classes_of(const ValidationRow& row) {
  return is_training(row) ? std::span<const Class>(kModels) : std::span<const Class>(kSizes);
}

std::string_view colour_of(const ValidationRow& row) {
  const std::string& of = is_training(row) ? row.kind : row.size;
  for (const Class& entry : classes_of(row)) {
    if (entry.of == of) return entry.colour;
  }
  return "#8e9aa8";
}

constexpr double kWidth = 640, kLeft = 64, kTop = 64, kSide = 540;

/// Marks drawn at most, evenly from the rows; beyond it they carry no titles.
constexpr std::size_t kMarks = 800;

/// Both axes: the same decades, so that the diagonal is agreement.
struct Axis {
  int first = 0, last = 1;  ///< powers of ten

  double at(double value) const {
    return kSide * (std::log10(value) - first) / static_cast<double>(last - first);
  }

  double x(double value) const { return kLeft + at(value); }

  double y(double value) const { return kTop + kSide - at(value); }
};

std::string power_of_ten(int exponent) {
  return exponent >= 0 && exponent <= 5 ? fmt::format("{:.0f}", std::pow(10, exponent))
                                        : fmt::format("1e{}", exponent);
}

void append_axes(const Axis& axis, std::string_view metric, std::string& out) {
  for (int e = axis.first; e <= axis.last; ++e) {
    const double value = std::pow(10, e);
    fmt::format_to(std::back_inserter(out),
                   "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:g}\" y2=\"{2:g}\"/>"
                   "<line class=\"grid\" x1=\"{3:g}\" x2=\"{4:g}\" y1=\"{5:.1f}\" y2=\"{5:.1f}\"/>"
                   "<text text-anchor=\"middle\" x=\"{0:.1f}\" y=\"{6:g}\">{7}</text>"
                   "<text text-anchor=\"end\" x=\"{8:g}\" y=\"{9:.1f}\">{7}</text>",
                   axis.x(value), kTop, kTop + kSide, kLeft, kLeft + kSide, axis.y(value),
                   kTop + kSide + 16, power_of_ten(e), kLeft - 6, axis.y(value) + 4);
  }
  const double low = std::pow(10, axis.first), high = std::pow(10, axis.last);
  for (const double factor : {0.5, 1.0, 2.0}) {
    const double from = std::max(low, low / factor), to = std::min(high, high / factor);
    fmt::format_to(std::back_inserter(out),
                   "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>",
                   factor == 1.0 ? "equal" : "twice", axis.x(from), axis.y(from * factor),
                   axis.x(to), axis.y(to * factor));
  }
  fmt::format_to(std::back_inserter(out),
                 "<text text-anchor=\"middle\" x=\"{0:g}\" y=\"{1:g}\">measured {2}</text>"
                 "<text text-anchor=\"middle\" transform=\"translate(14 {3:g}) "
                 "rotate(-90)\">predicted {2}</text>",
                 kLeft + kSide / 2, kTop + kSide + 36, metric, kTop + kSide / 2);
}

void append_mark(const ValidationRow& row, const Axis& axis, std::string_view colour, bool titled,
                 std::string& out) {
  const double x = axis.x(row.measured), y = axis.y(*row.predicted);
  std::string title;
  if (titled) {
    title = fmt::format("<title>{}: {} {}, measured {:.4g}, predicted {:.4g}</title>",
                        report::escape(row.id), report::escape(row.chip),
                        report::escape(is_training(row) ? row.model : row.kind), row.measured,
                        *row.predicted);
  }
  if (row.reach == "across" || row.completeness == "guessed") {
    fmt::format_to(std::back_inserter(out),
                   "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"4.4\" height=\"4.4\" "
                   "fill=\"{}\">{}</rect>\n",
                   x - 2.2, y - 2.2, colour, title);
    return;
  }
  fmt::format_to(std::back_inserter(out),
                 "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.4\" fill=\"{}\">{}</circle>\n", x, y,
                 colour, title);
}

void append_legend(const std::vector<const ValidationRow*>& rows, std::string_view metric,
                   std::string& out) {
  std::vector<double> errors;
  for (const ValidationRow* row : rows) errors.push_back(row->absolute_error());
  const ErrorGroup group = error_group("metric", std::string(metric), std::move(errors));
  const bool collective = std::any_of(rows.begin(), rows.end(), [](const ValidationRow* row) {
    return row->reach == "inside" || row->reach == "across";
  });
  std::string note = is_training(*rows.front()) ? "round: layout given, square: guessed"
                     : collective               ? "round: inside a domain, square: across"
                                                : "bytes moved at least";
  if (rows.size() > kMarks) {
    note +=
        fmt::format("; one in {:.0f} drawn", std::ceil(static_cast<double>(rows.size()) / kMarks));
  }
  double x = kLeft;
  for (const Class& entry : classes_of(*rows.front())) {
    fmt::format_to(std::back_inserter(out),
                   "<circle cx=\"{:g}\" cy=\"44\" r=\"4\" fill=\"{}\"/>"
                   "<text x=\"{:g}\" y=\"48\">{}</text>",
                   x + 4, entry.colour, x + 13, entry.label);
    x += 110;
  }
  fmt::format_to(std::back_inserter(out),
                 "<text x=\"{:g}\" y=\"48\">{}</text>"
                 "<text class=\"title\" x=\"{:g}\" y=\"22\">{} rows ({}), median |ln "
                 "ratio| {:.1f} %, p90 {:.1f} %; dashed: twice, half</text>",
                 x, note, kLeft, group.rows, metric, 100 * group.median, 100 * group.p90);
}

}  // namespace

std::string validation_svg(const Validation& validation) {
  // Times and bandwidths do not share an axis: the metric with the most rows is drawn.
  std::vector<const ValidationRow*> rows;
  std::string_view unit;
  for (const Quantity& quantity : kQuantities) {
    std::vector<const ValidationRow*> those;
    for (const ValidationRow& row : validation.rows) {
      if (row.predicted && row.metric == quantity.metric) those.push_back(&row);
    }
    if (those.size() <= rows.size()) continue;
    rows = std::move(those);
    unit = quantity.label;
  }
  if (rows.empty()) return {};
  double low = rows.front()->measured, high = low;
  for (const ValidationRow* row : rows) {
    low = std::min({low, row->measured, *row->predicted});
    high = std::max({high, row->measured, *row->predicted});
  }
  Axis axis{static_cast<int>(std::floor(std::log10(low))),
            static_cast<int>(std::ceil(std::log10(high)))};
  axis.last = std::max(axis.last, axis.first + 1);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:g} {:g}\" role=\"img\" "
      "aria-label=\"Predicted against measured\">\n<style>text{{font:12px "
      "sans-serif;fill:#22303f}}.title{{font-weight:bold}}.grid{{stroke:#dde3ea}}"
      ".equal{{stroke:#22303f}}.twice{{stroke:#8e9aa8;stroke-dasharray:5 4}}"
      "circle,rect{{fill-opacity:.65}}</style>\n<rect x=\"0\" y=\"0\" width=\"100%\" "
      "height=\"100%\" fill=\"#ffffff\" style=\"fill-opacity:1\"/>\n",
      kWidth, kTop + kSide + 48);
  append_axes(axis, unit, out);
  append_legend(rows, unit, out);
  out += '\n';
  const std::size_t stride = (rows.size() + kMarks - 1) / kMarks;
  for (std::size_t i = 0; i < rows.size(); i += stride) {
    append_mark(*rows[i], axis, colour_of(*rows[i]), stride == 1, out);
  }
  return out + "</svg>\n";
}

}  // namespace aisle::sim
