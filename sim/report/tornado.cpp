// SPDX-License-Identifier: Apache-2.0
// What a figure becomes with each input at the ends of its interval.
#include "sim/report/tornado.hpp"

#include "sim/report/format.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace aisle::sim::report {

std::string tornado_bars(std::span<const TornadoBar> bars, double base,
                         const std::function<std::string(double value, int digits)>& text,
                         std::string_view label, double names) {
  constexpr double kEnds = 70, kRow = 26, kBar = 16, kTop = 30;
  if (bars.empty()) return {};
  double low = base, high = base;
  for (const TornadoBar& bar : bars) {
    low = std::min({low, bar.low, bar.high});
    high = std::max({high, bar.low, bar.high});
  }
  const double range = high > low ? high - low : 1;
  const auto x = [&](double value) {
    return names + kEnds + (kFigureWidth - names - 2 * kEnds) * (value - low) / range;
  };
  const double height = kTop + kRow * static_cast<double>(bars.size());
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{} by input\">",
                  kFigureWidth, height + 6, escape(label));
  const auto add = std::back_inserter(out);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const TornadoBar& bar = bars[i];
    const double y = kTop + kRow * static_cast<double>(i);
    const auto half = [&](double value, std::string_view colour, const std::string& at) {
      const double from = std::min(x(value), x(base)), to = std::max(x(value), x(base));
      fmt::format_to(add,
                     "<rect x=\"{:.1f}\" y=\"{:g}\" width=\"{:.1f}\" height=\"{:g}\" fill=\"{}\">"
                     "<title>{}: {}</title></rect>",
                     from, y, to - from, kBar, colour, escape(at), text(value, 4));
    };
    half(bar.low, "#6ba3d6", bar.at_low);
    half(bar.high, "#e08a3c", bar.at_high);
    const double least = std::min({bar.low, bar.high, base});
    const double most = std::max({bar.low, bar.high, base});
    fmt::format_to(add,
                   "<text class=\"small\" text-anchor=\"end\" x=\"{:g}\" y=\"{:g}\">{}</text><text "
                   "class=\"small\" text-anchor=\"end\" x=\"{:.1f}\" y=\"{:g}\">{}</text><text "
                   "class=\"small\" x=\"{:.1f}\" y=\"{:g}\">{}</text>",
                   names - 8, y + 12, escape(bar.input), x(least) - 5, y + 12, text(least, 3),
                   x(most) + 5, y + 12, text(most, 3));
  }
  fmt::format_to(add,
                 "<line class=\"axis\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:g}\" y2=\"{2:g}\"/>"
                 "<text class=\"small\" text-anchor=\"middle\" x=\"{0:.1f}\" y=\"14\">{3}</text>",
                 x(base), kTop - 8, height, text(base, 4));
  return out + "</svg>";
}

std::string tornado_svg(const pb::Result& result, std::string_view metric) {
  constexpr double kNames = 220;
  const auto base = report::metric(result, metric);
  if (!base) return {};
  std::vector<TornadoBar> bars;
  for (const pb::Sensitivity& entry : result.sensitivity()) {
    if (entry.metric() != metric) continue;
    bars.push_back({entry.input(), entry.low(), entry.high(), entry.at_low(), entry.at_high()});
  }
  const auto text = [&](double value, int digits) { return format_metric(metric, value, digits); };
  return tornado_bars(bars, *base, text, label_of(metric), kNames);
}

}  // namespace aisle::sim::report
