// SPDX-License-Identifier: Apache-2.0
// What a metric becomes with each input at the ends of its interval.
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace aisle::sim::report {

std::string tornado_svg(const pb::Result& result, std::string_view metric) {
  constexpr double kNames = 220, kEnds = 70, kRow = 26, kBar = 16, kTop = 30;
  std::vector<const pb::Sensitivity*> entries;
  const auto base = report::metric(result, metric);
  if (!base) return {};
  double low = *base, high = *base;
  for (const pb::Sensitivity& entry : result.sensitivity()) {
    if (entry.metric() != metric) continue;
    entries.push_back(&entry);
    low = std::min({low, entry.low(), entry.high()});
    high = std::max({high, entry.low(), entry.high()});
  }
  if (entries.empty()) return {};
  const double range = high > low ? high - low : 1;
  const auto x = [&](double value) {
    return kNames + kEnds + (kFigureWidth - kNames - 2 * kEnds) * (value - low) / range;
  };
  const double height = kTop + kRow * static_cast<double>(entries.size());
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{} by input\">",
                  kFigureWidth, height + 6, escape(label_of(metric)));
  const auto add = std::back_inserter(out);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const pb::Sensitivity& entry = *entries[i];
    const double y = kTop + kRow * static_cast<double>(i);
    const auto half = [&](double value, std::string_view colour, const std::string& at) {
      const double from = std::min(x(value), x(*base)), to = std::max(x(value), x(*base));
      fmt::format_to(add,
                     "<rect x=\"{:.1f}\" y=\"{:g}\" width=\"{:.1f}\" height=\"{:g}\" fill=\"{}\">"
                     "<title>{}: {}</title></rect>",
                     from, y, to - from, kBar, colour, escape(at), format_metric(metric, value, 4));
    };
    half(entry.low(), "#6ba3d6", entry.at_low());
    half(entry.high(), "#e08a3c", entry.at_high());
    const double left = std::min({x(entry.low()), x(entry.high()), x(*base)});
    const double right = std::max({x(entry.low()), x(entry.high()), x(*base)});
    fmt::format_to(add,
                   "<text class=\"small\" text-anchor=\"end\" x=\"{:g}\" y=\"{:g}\">{}</text><text "
                   "class=\"small\" text-anchor=\"end\" x=\"{:.1f}\" y=\"{:g}\">{}</text><text "
                   "class=\"small\" x=\"{:.1f}\" y=\"{:g}\">{}</text>",
                   kNames - 8, y + 12, escape(entry.input()), left - 5, y + 12,
                   format_metric(metric, std::min({entry.low(), entry.high(), *base}), 3),
                   right + 5, y + 12,
                   format_metric(metric, std::max({entry.low(), entry.high(), *base}), 3));
  }
  fmt::format_to(add,
                 "<line class=\"axis\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:g}\" y2=\"{2:g}\"/>"
                 "<text class=\"small\" text-anchor=\"middle\" x=\"{0:.1f}\" y=\"14\">{3}</text>",
                 x(*base), kTop - 8, height, format_metric(metric, *base, 4));
  return out + "</svg>";
}

}  // namespace aisle::sim::report
