// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: laying out text for a terminal. Widths are columns: code points of UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim::report {

inline constexpr std::size_t kTextWidth = 100;

std::size_t columns(std::string_view text);
/// Lines of at most `width` columns; a longer word stands alone.
std::vector<std::string> wrap(std::string_view text, std::size_t width);
/// `text` in a field of `width` columns, to the left or the right; cut with an ellipsis if longer.
std::string left(std::string_view text, std::size_t width);
std::string right(std::string_view text, std::size_t width);
/// A bar for a share of `width` columns, in eighths of a column.
std::string bar(double share, std::size_t width);

/// Gathers lines; blanks at their ends are dropped.
class Page {
 public:
  void line(std::string text = {});
  /// After an empty line: "Memory  (GB per chip)".
  void heading(std::string_view title, std::string_view note = {});
  /// Wrapped text; the first line after `lead`, the others below its end.
  void paragraph(std::string_view text, const std::string& lead = {});
  /// A line across the page.
  void rule();
  std::string take();

 private:
  std::string out_;
};

}  // namespace aisle::sim::report
