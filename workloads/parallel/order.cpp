// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/job.hpp"

#include <algorithm>
#include <sstream>

namespace aisle::workloads::parallel {

std::optional<Order> parse_order(const std::string& text, const Layout& layout) {
  Order order;
  int distance = 1;
  bool data_seen = false;
  std::vector<std::string> seen;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '-');) {
    if (std::find(seen.begin(), seen.end(), word) != seen.end()) return std::nullopt;
    seen.push_back(word);
    const auto place = [&distance](int& neighbours, int size) {
      neighbours = distance;
      distance *= size;
    };
    if (word == "tp") {
      place(order.tensor, layout.tensor);
    } else if (word == "cp") {
      place(order.context, layout.context);
    } else if (word == "dp") {
      place(order.data, layout.data);
      data_seen = true;
    } else if (word == "pp") {
      place(order.pipeline, layout.pipeline);
    } else if (word == "ep") {
      order.experts_apart = data_seen;
    } else {
      return std::nullopt;
    }
  }
  const bool all = std::min({order.tensor, order.context, order.data, order.pipeline}) > 0;
  return all ? std::optional(order) : std::nullopt;
}

}  // namespace aisle::workloads::parallel
