// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

namespace aisle {

/// How well a figure is known, strongest first.
enum class Basis { measured, calibrated, vendor, extrapolated, assumed };

constexpr Basis weakest(Basis a, Basis b) {
  return std::max(a, b);
}

std::string_view to_string(Basis basis);

/// A value with the basis that it rests on.
template <typename T>
struct Estimate {
  T value{};
  Basis basis = Basis::assumed;
};

template <typename T>
Estimate<T> operator+(const Estimate<T>& a, const Estimate<T>& b) {
  return {a.value + b.value, weakest(a.basis, b.basis)};
}

}  // namespace aisle
