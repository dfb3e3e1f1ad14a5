// SPDX-License-Identifier: Apache-2.0
// Series over time and the table of requests: files for programs, figures for people.
#include "sim/report/series.hpp"

#include "sim/base/table.hpp"
#include "sim/report/document.hpp"
#include "sim/report/format.hpp"
#include "sim/report/line_plot.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace aisle::sim {

namespace report {

namespace {

/// Rows that all columns of the table have; a result may come from a file.
int rows_of(const pb::RequestTable& table) {
  return std::min({table.arrival_s_size(), table.start_s_size(), table.first_token_s_size(),
                   table.end_s_size(), table.prompt_tokens_size(), table.output_tokens_size(),
                   table.cached_tokens_size(), table.preemptions_size()});
}

/// Share of values that are at most so large, as a line.
PlotLine distribution(std::string name, std::vector<double> values, double most) {
  std::sort(values.begin(), values.end());
  PlotLine line{std::move(name), {}, false};
  const auto count = static_cast<double>(values.size());
  const std::size_t every = std::max<std::size_t>(1, values.size() / 1000);
  for (std::size_t i = 0; i < values.size(); i += every) {
    if (values[i] > most) break;
    line.points.emplace_back(values[i], 100 * static_cast<double>(i + 1) / count);
  }
  return line;
}

/// What all but one in a hundred are below, of values in any order.
double nearly_all(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(static_cast<double>(values.size() - 1) * 0.99);
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

void add_distribution(Document& document, const std::vector<double>& values, const char* what) {
  const double most = nearly_all(values);
  if (!(most > 0)) return;
  const auto [unit, name] = seconds_unit(most);
  document.add(Figure{line_svg({distribution(what, values, most)},
                               {fmt::format("{}, {}", what, name), unit}, {"% of the requests", 1}),
                      fmt::format("Share of the requests by the time {}.", what),
                      {},
                      {}});
}

PlotLine line_of(const pb::Series& series) {
  PlotLine line{label_of(series.name()), {}, true};
  const int count = std::min(series.time_s_size(), series.value_size());
  for (int i = 0; i < count; ++i) line.points.emplace_back(series.time_s(i), series.value(i));
  return line;
}

/// Lines of one figure: of one unit, and not so far apart that one hides the others.
struct Plot {
  std::string unit;
  double most = 0;
  std::vector<PlotLine> lines;

  bool takes(const std::string& of, double value) const {
    constexpr double kApart = 30;
    return of == unit && value < kApart * most && most < kApart * value;
  }
};

/// Watts in the multiple that suits their size; other units as they are.
PlotAxis axis_of(const std::string& unit, double most) {
  if (unit == "W" && most >= 1e6) return {"MW", 1e6};
  if (unit == "W" && most >= 1e4) return {"kW", 1e3};
  return {unit == "1" ? "number" : unit, 1};
}

}  // namespace

void add_latencies(Document& document, const pb::Result& result) {
  const pb::RequestTable& table = result.requests();
  std::vector<double> first, later;
  for (int i = 0; i < rows_of(table); ++i) {
    if (table.first_token_s(i) < 0) continue;
    first.push_back(table.first_token_s(i) - table.arrival_s(i));
    if (table.end_s(i) < 0 || table.output_tokens(i) < 2) continue;
    later.push_back((table.end_s(i) - table.first_token_s(i)) / (table.output_tokens(i) - 1));
  }
  if (first.empty()) return;
  document.add(Heading{"How long requests wait"});
  document.add(
      Paragraph{"Share of the requests that had to wait no longer, up to the 99th percentile.",
                Paragraph::Kind::note});
  add_distribution(document, first, "from arrival to the first token");
  add_distribution(document, later, "of a later token, mean of its request");
}

void add_series(Document& document, const pb::Result& result) {
  std::vector<Plot> plots;
  double end = 0;
  for (const pb::Series& series : result.series()) {
    const std::string unit = unit_of(series.name());
    PlotLine line = line_of(series);
    double most = 0;
    for (const auto& [x, y] : line.points) most = std::max(most, y);
    auto at = std::find_if(plots.begin(), plots.end(),
                           [&](const Plot& plot) { return plot.takes(unit, most); });
    if (at == plots.end()) at = plots.insert(plots.end(), {unit, most, {}});
    at->most = std::max(at->most, most);
    at->lines.push_back(std::move(line));
    if (series.time_s_size() > 0) end = std::max(end, *series.time_s().rbegin());
  }
  if (!(end > 0)) return;
  document.add(Heading{"Over time"});
  const auto [unit, name] = seconds_unit(end);
  for (const Plot& plot : plots) {
    const PlotAxis scale = axis_of(plot.unit, plot.most);
    const bool one = plot.lines.size() == 1;
    const std::string y = !one               ? scale.label
                          : plot.unit == "1" ? plot.lines.front().name
                                             : plot.lines.front().name + ", " + scale.label;
    std::string svg = line_svg(plot.lines, {"time, " + name, unit}, {y, scale.unit});
    if (svg.empty()) continue;
    Figure figure{std::move(svg), "Over the time of the run.", {}, {}};
    if (one) figure.caption = fmt::format("Over the time of the run: {}.", plot.lines.front().name);
    for (std::size_t i = 0; !one && i < plot.lines.size(); ++i) {
      figure.legend.emplace_back(plot.lines[i].name, line_colour(i));
    }
    document.add(std::move(figure));
  }
}

}  // namespace report

std::string series_csv(const pb::Result& result) {
  std::string out = csv_row({"series", "time_s", "value"});
  for (const pb::Series& series : result.series()) {
    const int count = std::min(series.time_s_size(), series.value_size());
    for (int i = 0; i < count; ++i) {
      out += csv_row(
          {series.name(), fmt::format("{}", series.time_s(i)), fmt::format("{}", series.value(i))});
    }
  }
  return out;
}

std::string requests_csv(const pb::Result& result) {
  const pb::RequestTable& table = result.requests();
  std::string out =
      "arrival_s,start_s,first_token_s,end_s,prompt_tokens,output_tokens,cached_tokens,"
      "preemptions\n";
  const auto time = [](double seconds) {
    return seconds < 0 ? std::string() : fmt::format("{}", seconds);
  };
  for (int i = 0; i < report::rows_of(table); ++i) {
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{}\n", time(table.arrival_s(i)),
                   time(table.start_s(i)), time(table.first_token_s(i)), time(table.end_s(i)),
                   table.prompt_tokens(i), table.output_tokens(i), table.cached_tokens(i),
                   table.preemptions(i));
  }
  return out;
}

}  // namespace aisle::sim
