// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace aisle {

/// One round of splitmix64: neighbouring inputs give unrelated outputs, so that sums of hashes are
/// good hashes of multisets.
inline std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

/// Of a text, eight bytes at a time. Not the same on machines of another byte order.
inline std::uint64_t text_hash(std::string_view text) {
  std::uint64_t hash = text.size() * 0x9e3779b97f4a7c15U;
  const auto stir = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0xbf58476d1ce4e5b9U;
    hash ^= hash >> 32U;
  };
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    stir(word);
  }
  word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  stir(word);
  return mixed(hash);
}

}  // namespace aisle
