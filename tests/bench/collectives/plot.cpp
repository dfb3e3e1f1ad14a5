// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/collectives/plot.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace aisle::bench {

namespace {

constexpr double kPanel = 460, kLeft = 56, kGap = 24, kTop = 84, kHeight = 380, kBottom = 44;

class Drawing {
 public:
  Drawing(double from, double to) : from_(from), to_(to) {}

  void add(const Panel& panel, const std::string& horizontal) {
    left_ = kLeft + static_cast<double>(panels_++) * (kPanel + kGap);
    panel_ = &panel;
    add_axes(horizontal);
    for (const Series& series : panel.series) add_series(series);
  }

  void add_legend(const std::vector<Series>& series) {
    constexpr double kColumn = 290;
    for (std::size_t i = 0; i < series.size(); ++i) {
      const double x = kLeft + static_cast<double>(i / 3) * kColumn;
      const double y = 16 + 20 * static_cast<double>(i % 3);
      const bool line = series[i].points.size() > 1;
      if (line) add_line(series[i], fmt::format("M{:g} {:g}H{:g}", x, y, x + 30));
      add_mark(series[i], {x + 15, y}, "");
      append("<text x=\"{:g}\" y=\"{:g}\">{}</text>\n", x + 38, y + 4, series[i].name);
    }
  }

  std::string finish() const {
    const double width = static_cast<double>(panels_) * (kPanel + kGap) + kLeft - 8;
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" role=\"img\" "
               "aria-label=\"Cost against the number of accelerators\">\n<style>text{{font:12px "
               "sans-serif;fill:#22303f}}.title{{font-weight:bold}}.grid{{stroke:#dde3ea}}"
               "path{{fill:none;stroke-width:1.8}}</style>\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
               width, kTop + kHeight + kBottom) +
           out_ + "</svg>\n";
  }

 private:
  template <typename... Arguments>
  void append(fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), form, std::forward<Arguments>(arguments)...);
  }

  double x(double value) const {
    return left_ + (kPanel - kLeft) * std::log(value / from_) / std::log(to_ / from_);
  }

  double y(double value) const {
    return kTop + kHeight * (panel_->last - std::log10(value)) / (panel_->last - panel_->first);
  }

  void add_axes(const std::string& horizontal) {
    const double right = left_ + kPanel - kLeft;
    for (int e = panel_->first; e <= panel_->last; ++e) {
      const double at = y(std::pow(10, e));
      append("<path class=\"grid\" d=\"M{:g} {:.1f}H{:g}\"/>", left_, at, right);
      append("<text text-anchor=\"end\" x=\"{:g}\" y=\"{:.1f}\">{:g}</text>\n", left_ - 6, at + 4,
             std::pow(10, e));
    }
    for (double n = from_; n <= to_; n *= 4) {
      append("<path class=\"grid\" d=\"M{:.1f} {:g}V{:g}\"/>", x(n), kTop, kTop + kHeight);
      append("<text text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:g}\">{:.0f}</text>\n", x(n),
             kTop + kHeight + 16, n);
    }
    append("<text text-anchor=\"middle\" x=\"{:g}\" y=\"{:g}\">{}</text>\n", (left_ + right) / 2,
           kTop + kHeight + 36, horizontal);
    append("<text class=\"title\" x=\"{:g}\" y=\"{:g}\">{}</text>\n", left_, kTop - 8,
           panel_->title);
  }

  void add_line(const Series& series, const std::string& way) {
    append("<path stroke=\"{}\" stroke-dasharray=\"{}\" d=\"{}\"/>", series.colour,
           series.dashes.empty() ? "none" : series.dashes, way);
  }

  void add_mark(const Series& series, Point at, const std::string& title) {
    append("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{}</title></circle>\n",
           at.x, at.y, series.colour, title);
  }

  void add_series(const Series& series) {
    std::string way;
    for (const Point& point : series.points) {
      way += fmt::format("{}{:.1f} {:.1f}", way.empty() ? "M" : "L", x(point.x), y(point.y));
    }
    if (series.points.size() > 1) add_line(series, way);
    for (const Point& point : series.points) {
      add_mark(series, {x(point.x), y(point.y)},
               fmt::format("{}: {:.0f}, {:.3g}", series.name, point.x, point.y));
    }
  }

  double from_, to_;
  double left_ = 0;
  int panels_ = 0;
  const Panel* panel_ = nullptr;
  std::string out_;
};

}  // namespace

std::string log_log_svg(const std::vector<Panel>& panels, const std::string& horizontal,
                        double from, double to) {
  Drawing drawing(from, to);
  drawing.add_legend(panels.front().series);
  for (const Panel& panel : panels) drawing.add(panel, horizontal);
  return drawing.finish();
}

}  // namespace aisle::bench
