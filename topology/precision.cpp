// SPDX-License-Identifier: Apache-2.0
#include "topology/cluster.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace aisle::topology {

namespace {

constexpr std::array<std::string_view, kPrecisions> kNames = {
    "fp64", "fp32", "tf32", "bf16", "fp16", "fp8", "fp6", "fp4", "int8"};

/// Other spellings, as traces and papers have them.
constexpr std::array<std::pair<std::string_view, Precision>, 19> kAliases = {{
    {"double", Precision::fp64},   {"float64", Precision::fp64},  {"float", Precision::fp32},
    {"float32", Precision::fp32},  {"bfloat16", Precision::bf16}, {"half", Precision::fp16},
    {"float16", Precision::fp16},  {"e4m3", Precision::fp8},      {"e5m2", Precision::fp8},
    {"fp8e4m3", Precision::fp8},   {"fp8e5m2", Precision::fp8},   {"float8", Precision::fp8},
    {"mxfp8", Precision::fp8},     {"mxfp6", Precision::fp6},     {"mxfp4", Precision::fp4},
    {"nvfp4", Precision::fp4},     {"e2m1", Precision::fp4},      {"float4", Precision::fp4},
    {"w8a8int8", Precision::int8},
}};

}  // namespace

std::string_view to_string(Precision precision) {
  return kNames[static_cast<std::size_t>(precision)];
}

std::optional<Precision> parse_precision(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const auto* exact = std::find(kNames.begin(), kNames.end(), key);
  if (exact != kNames.end()) return static_cast<Precision>(exact - kNames.begin());
  for (const auto& [alias, precision] : kAliases) {
    if (alias == key) return precision;
  }
  return std::nullopt;
}

Bytes size_of(Precision precision) {
  switch (precision) {
    case Precision::fp64:
      return 8.0 * units::B;
    case Precision::fp32:
    case Precision::tf32:
      return 4.0 * units::B;
    case Precision::bf16:
    case Precision::fp16:
      return 2.0 * units::B;
    case Precision::fp8:
    case Precision::int8:
      return 1.0 * units::B;
    case Precision::fp6:
      return 0.75 * units::B;
    case Precision::fp4:
      return 0.5 * units::B;
  }
  return Bytes{};
}

}  // namespace aisle::topology
