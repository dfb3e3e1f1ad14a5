// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace aisle {

/// One round of splitmix64: neighbouring inputs give unrelated outputs, so that sums of hashes are
/// good hashes of multisets.
inline std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

}  // namespace aisle
