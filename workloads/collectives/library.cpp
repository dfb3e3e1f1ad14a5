// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/library.hpp"

#include <array>

namespace aisle::workloads {

namespace {
constexpr std::array<std::string_view, 5> kNames{"volta", "ampere", "hopper", "blackwell", "other"};
}

std::string_view to_string(Architecture architecture) {
  return kNames[static_cast<std::size_t>(architecture)];
}

std::optional<Architecture> parse_architecture(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Architecture>(i);
  }
  return std::nullopt;
}

}  // namespace aisle::workloads
