// SPDX-License-Identifier: Apache-2.0
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace aisle::sim::report {
namespace {

struct NamedColour {
  std::string_view name, colour;
};

constexpr NamedColour kUses[] = {
    {"weights", "#2f5d8a"},     {"gradients", "#6ba3d6"}, {"optimizer", "#3f9b74"},
    {"activations", "#e08a3c"}, {"buffers", "#8a6fb0"},   {"reserve", "#b8c0cb"},
};
constexpr std::string_view kOther[] = {"#6a5fa8", "#4aa3a3", "#88a848", "#5c7fa8", "#8c6d5a"};

double largest_bytes(const pb::Result& result) {
  double most = 0;
  for (const pb::MemoryUse& rank : result.memory()) {
    most = std::max({most, total_bytes(rank), rank.capacity_bytes()});
  }
  return most;
}

/// Where the memory figure draws things.
struct Frame {
  double left = 56, top = 26, height = 230, slot = 0, scale = 0;

  double y(double bytes) const { return top + height - bytes * scale; }
};

void append_rank(std::string& out, const pb::MemoryUse& rank, int at, const Frame& frame,
                 const std::vector<std::string>& uses, const std::vector<std::string>& colour) {
  const double width = std::min(0.72 * frame.slot, 90.0);
  const double x = frame.left + (at + 0.5) * frame.slot - width / 2;
  double below = 0;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const double bytes = bytes_of(rank, uses[i]);
    if (bytes <= 0) continue;
    fmt::format_to(std::back_inserter(out),
                   "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\">"
                   "<title>pipeline rank {}: {} {}</title></rect>",
                   x, frame.y(below + bytes), width, bytes * frame.scale, colour[i],
                   rank.pipeline_rank(), escape(uses[i]), format_bytes(bytes, 3));
    below += bytes;
  }
  const double capacity = rank.capacity_bytes();
  if (capacity > 0) {
    fmt::format_to(
        std::back_inserter(out),
        "<line class=\"capacity\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
        frame.left + at * frame.slot, frame.left + (at + 1) * frame.slot, frame.y(capacity),
        frame.y(capacity));
  }
  if (capacity > 0 && frame.slot >= 34) {
    fmt::format_to(std::back_inserter(out),
                   "<text class=\"small halo\" text-anchor=\"middle\" x=\"{:.1f}\" "
                   "y=\"{:.1f}\">{:.0f} %</text>",
                   x + width / 2, frame.y(below) - 4, 100 * below / capacity);
  }
}

/// Whether dark text reads better on "#rrggbb" than white (weights of ITU-R BT.601).
bool is_light(const std::string& colour) {
  const auto part = [&](std::size_t at) { return std::stoi(colour.substr(at, 2), nullptr, 16); };
  return 299 * part(1) + 587 * part(3) + 114 * part(5) > 150 * 1000;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::vector<Tick> ticks(double end, double unit) {
  std::vector<Tick> out;
  if (!(end > 0) || !std::isfinite(end)) return out;
  const double range = end / unit;
  double step = std::pow(10, std::floor(std::log10(range / 4)));
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (range / step > 9.5) step *= factor;
  }
  for (int i = 0; i * step <= range * (1 + 1e-9); ++i) {
    out.push_back({i * step * unit, fmt::format("{:g}", i * step)});
  }
  return out;
}

std::vector<std::string> use_colours(const std::vector<std::string>& uses) {
  std::vector<std::string> out;
  std::size_t other = 0;
  for (const std::string& use : uses) {
    const auto* known = std::find_if(std::begin(kUses), std::end(kUses),
                                     [&](const NamedColour& entry) { return entry.name == use; });
    out.emplace_back(known != std::end(kUses) ? known->colour
                                              : kOther[other++ % std::size(kOther)]);
  }
  return out;
}

std::string_view kind_colour(int kind) {
  constexpr std::string_view kColours[] = {"#3b6fb6", "#e08a3c", "#3f9b74"};
  return kColours[std::clamp(kind, 0, 2)];
}

std::string breakdown_svg(const pb::Result& result) {
  const double total = total_seconds(result);
  if (total <= 0) return {};
  std::string out = fmt::format(
      "<svg viewBox=\"0 0 {:g} 46\" role=\"img\" aria-label=\"Shares of the step\">", kFigureWidth);
  double x = 0;
  for (const PartText& part : describe_parts(result)) {
    const double width = kFigureWidth * std::max(0.0, part.seconds) / total;
    fmt::format_to(std::back_inserter(out),
                   "<rect class=\"span\" x=\"{:.2f}\" y=\"0\" width=\"{:.2f}\" height=\"46\" "
                   "fill=\"{}\"><title>{}: {} ({})</title></rect>",
                   x, width, part.colour, escape(part.label), format_seconds(part.seconds, 3),
                   escape(share(part.seconds / total)));
    if (width >= 56) {
      fmt::format_to(
          std::back_inserter(out),
          "<text class=\"inside{}\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"28\">{}</text>",
          is_light(part.colour) ? " dark" : "", x + width / 2, percent(part.seconds / total));
    }
    x += width;
  }
  return out + "</svg>";
}

std::string memory_svg(const pb::Result& result) {
  const double most = largest_bytes(result);
  if (most <= 0) return {};
  const std::vector<std::string> uses = memory_uses(result);
  const std::vector<std::string> colour = use_colours(uses);
  Frame frame;
  frame.slot = (kFigureWidth - frame.left) / result.memory_size();
  frame.scale = frame.height / most;
  const double bottom = frame.top + frame.height;
  std::string out = fmt::format(
      "<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"Memory by pipeline rank\">",
      kFigureWidth, bottom + 40);
  for (const Tick& tick : ticks(most, 1e9)) {
    fmt::format_to(std::back_inserter(out),
                   "<line class=\"grid\" x1=\"{0:g}\" x2=\"{1:g}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
                   "<text class=\"small\" text-anchor=\"end\" x=\"{3:g}\" y=\"{4:.1f}\">{5}</text>",
                   frame.left, kFigureWidth, frame.y(tick.value), frame.left - 6,
                   frame.y(tick.value) + 4, tick.label);
  }
  const int every = std::max(1, static_cast<int>(std::ceil(22 / frame.slot)));
  for (int i = 0; i < result.memory_size(); ++i) {
    const pb::MemoryUse& rank = result.memory(i);
    append_rank(out, rank, i, frame, uses, colour);
    if (i % every != 0) continue;
    fmt::format_to(
        std::back_inserter(out),
        "<text class=\"small\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
        frame.left + (i + 0.5) * frame.slot, bottom + 16, rank.pipeline_rank());
  }
  fmt::format_to(
      std::back_inserter(out),
      "<text class=\"small\" x=\"0\" y=\"12\">GB per chip</text>"
      "<text class=\"small\" text-anchor=\"end\" x=\"{0:g}\" y=\"12\">dashed: capacity {1}</text>"
      "<text class=\"small\" text-anchor=\"middle\" x=\"{2:g}\" y=\"{3:.1f}\">pipeline rank</text>",
      kFigureWidth, format_bytes(result.memory(0).capacity_bytes(), 3),
      frame.left + (kFigureWidth - frame.left) / 2, bottom + 34);
  return out + "</svg>";
}

std::string error_svg(const pb::Comparison& comparison) {
  constexpr double kHalf = 70;
  const double error = std::isfinite(comparison.error()) ? comparison.error() : 0;
  const double bound = comparison.has_bound() ? comparison.bound() : 0;
  // The bound is for the logarithm: a little more room above than below.
  const double above = std::exp(bound) - 1, below = 1 - std::exp(-bound);
  const double range = std::max({std::abs(error), above, 0.01}) * 1.15;
  const double length = kHalf * std::abs(error) / range;
  std::string out = fmt::format(
      "<svg class=\"error\" viewBox=\"0 0 {:g} 16\" role=\"img\" aria-label=\"error {}\">",
      2 * kHalf, signed_percent(error));
  if (bound > 0) {
    fmt::format_to(std::back_inserter(out),
                   "<rect x=\"{:.1f}\" y=\"1\" width=\"{:.1f}\" height=\"14\" class=\"bound\"/>",
                   kHalf * (1 - below / range), kHalf * (above + below) / range);
  }
  const std::optional<bool> within = within_bound(comparison);
  const std::string_view fill = !within ? "#8e9aa8" : *within ? "#3f9b74" : "#c8553d";
  fmt::format_to(std::back_inserter(out),
                 "<rect x=\"{:.1f}\" y=\"4\" width=\"{:.1f}\" height=\"8\" fill=\"{}\"/>"
                 "<line class=\"axis\" x1=\"{:g}\" x2=\"{:g}\" y1=\"0\" y2=\"16\"/></svg>",
                 error < 0 ? kHalf - length : kHalf, std::max(length, 0.5), fill, kHalf, kHalf);
  return out;
}

std::string bar_svg(double share, std::string_view colour) {
  constexpr double kLength = 140;
  return fmt::format(
      "<svg class=\"error\" viewBox=\"0 0 {0:g} 16\" role=\"img\" aria-label=\"{1}\">"
      "<rect x=\"0\" y=\"3\" width=\"{2:.1f}\" height=\"10\" fill=\"{3}\"/></svg>",
      kLength, percent(share), std::max(1.0, kLength * std::clamp(share, 0.0, 1.0)), colour);
}

}  // namespace aisle::sim::report
