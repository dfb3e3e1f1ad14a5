// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace aisle {

/// Rows of text for a terminal: columns padded to their widest cell, numbers to the right, one
/// header line.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void add(std::vector<std::string> row);
  std::string to_string() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

/// One row of comma-separated values, cells quoted where they need it (RFC 4180), with a line feed.
std::string csv_row(const std::vector<std::string>& cells);

}  // namespace aisle
