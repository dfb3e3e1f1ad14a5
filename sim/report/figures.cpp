// SPDX-License-Identifier: Apache-2.0
// The figures of a document as one picture, for a README.
#include "sim/base/diagnostics.hpp"
#include "sim/report/document.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

namespace aisle::sim::report {

namespace {

constexpr double kCaption = 26, kKey = 20;

/// Height of a figure, the last of the four numbers of its viewBox.
double height_of(const std::string& svg) {
  const std::string box = "viewBox=\"0 0 ";
  const std::size_t at = svg.find(box);
  AISLE_ASSERT(at != std::string::npos, "a figure has a viewBox");
  const std::size_t height = svg.find(' ', at + box.size());
  return std::strtod(svg.c_str() + height, nullptr);
}

void append_legend(std::string& out, const Figure& figure, double y) {
  double x = 0;
  for (const auto& [name, colour] : figure.legend) {
    out += fmt::format(
        "<rect x=\"{:g}\" y=\"{:g}\" width=\"11\" height=\"11\" fill=\"{}\"/>"
        "<text class=\"small\" x=\"{:g}\" y=\"{:g}\">{}</text>\n",
        x, y - 10, colour, x + 16, y, escape(name));
    x += 30 + 6.6 * static_cast<double>(name.size());
  }
}

}  // namespace

std::string to_svg(const Document& document) {
  std::string body;
  double y = 0;
  for (const Block& block : document.blocks) {
    const auto* figure = std::get_if<Figure>(&block);
    if (figure == nullptr) continue;
    const double height = height_of(figure->svg);
    body += fmt::format("<text class=\"caption\" x=\"0\" y=\"{:g}\">{}</text>\n", y + 16,
                        escape(figure->caption));
    y += kCaption;
    if (!figure->legend.empty()) {
      append_legend(body, *figure, y + 12);
      y += kKey;
    }
    // A picture in the picture, at its place.
    std::string inner = figure->svg;
    inner.insert(
        inner.find("<svg") + 4,
        fmt::format(" x=\"0\" y=\"{:g}\" width=\"{:g}\" height=\"{:g}\"", y, kFigureWidth, height));
    body += inner + '\n';
    y += height + kCaption / 2;
  }
  if (body.empty()) return {};
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:g} {:g}\" role=\"img\" "
             "aria-label=\"{}\">\n<style>svg {{ font: 12px sans-serif; }}{}svg .caption {{ "
             "font-weight: bold; }}</style>\n<rect width=\"100%\" height=\"100%\" "
             "fill=\"#ffffff\"/>\n",
             kFigureWidth, y, escape(document.title), figure_style()) +
         body + "</svg>\n";
}

}  // namespace aisle::sim::report
