// SPDX-License-Identifier: Apache-2.0
#include "sim/report/text.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::sim::report {
namespace {

bool starts_character(char c) {
  return (c & 0xC0) != 0x80;
}

std::string fit(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  std::size_t kept = 0, at = 0;
  for (; at < text.size(); ++at) {
    if (starts_character(text[at]) && ++kept == width) break;
  }
  return std::string(text.substr(0, at)) + "…";
}

}  // namespace

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::string> lines;
  std::string line;
  std::size_t start = text.find_first_not_of(kBlanks);
  while (start != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, start), text.size());
    const std::string_view word = text.substr(start, end - start);
    if (!line.empty() && columns(line) + 1 + columns(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
    start = text.find_first_not_of(kBlanks, end);
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string left(std::string_view text, std::size_t width) {
  std::string out = fit(text, width);
  return out.append(width - columns(out), ' ');
}

std::string right(std::string_view text, std::size_t width) {
  const std::string out = fit(text, width);
  return std::string(width - columns(out), ' ') + out;
}

std::string bar(double share, std::size_t width) {
  constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!std::isfinite(share)) return {};
  const double cells = std::clamp(share, 0.0, 1.0) * static_cast<double>(width);
  const auto eighths = static_cast<std::size_t>(std::lround(cells * 8));
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  out += kEighths[eighths % 8];
  return out;
}

void Page::line(std::string text) {
  text.resize(text.find_last_not_of(' ') + 1);
  out_ += text;
  out_ += '\n';
}

void Page::heading(std::string_view title, std::string_view note) {
  line();
  std::string text(title);
  if (!note.empty()) text.append("  (").append(note).append(")");
  line(std::move(text));
}

void Page::paragraph(std::string_view text, const std::string& lead) {
  const std::string indent(columns(lead), ' ');
  bool first = true;
  for (const std::string& part : wrap(text, kTextWidth - columns(lead))) {
    line((first ? lead : indent) + part);
    first = false;
  }
}

void Page::rule() {
  std::string text;
  for (std::size_t i = 0; i < kTextWidth; ++i) text += "─";
  line(std::move(text));
}

std::string Page::take() {
  return std::move(out_);
}

}  // namespace aisle::sim::report
