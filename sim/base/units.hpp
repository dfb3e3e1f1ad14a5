// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>

/// Quantities whose unit the compiler knows. A quantity is one double in SI units (bytes,
/// operations, seconds, joules, dollars, kilograms, cubic metres); it is made by a literal-like
/// constant (`3.35 * TB / s`) and read by `.in(unit)`. GB = 1e9 B, GiB = 2^30 B, Gb = 1e9 bit;
/// bandwidth is decimal and per direction (docs/guide/units.md).
namespace aisle {

struct Dimension {
  int byte = 0;
  int operation = 0;
  int second = 0;
  int joule = 0;
  int dollar = 0;
  int kilogram = 0;
  int cubic_metre = 0;
  friend constexpr bool operator==(const Dimension&, const Dimension&) = default;
};

constexpr Dimension combine(const Dimension& a, const Dimension& b, int sign) {
  return {a.byte + sign * b.byte,
          a.operation + sign * b.operation,
          a.second + sign * b.second,
          a.joule + sign * b.joule,
          a.dollar + sign * b.dollar,
          a.kilogram + sign * b.kilogram,
          a.cubic_metre + sign * b.cubic_metre};
}

template <Dimension D>
class Quantity {
 public:
  constexpr Quantity() = default;

  /// From a value in SI units; the border where plain numbers enter.
  static constexpr Quantity from_si(double value) {
    Quantity q;
    q.si_ = value;
    return q;
  }

  constexpr double in(Quantity unit) const { return si_ / unit.si_; }

  constexpr double si() const { return si_; }

  constexpr Quantity& operator+=(Quantity other) {
    si_ += other.si_;
    return *this;
  }

  constexpr Quantity& operator-=(Quantity other) {
    si_ -= other.si_;
    return *this;
  }

  constexpr Quantity& operator*=(double factor) {
    si_ *= factor;
    return *this;
  }

  constexpr Quantity& operator/=(double divisor) {
    si_ /= divisor;
    return *this;
  }

  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }

  friend constexpr Quantity operator-(Quantity a, Quantity b) { return a -= b; }

  friend constexpr Quantity operator-(Quantity a) { return from_si(-a.si_); }

  friend constexpr Quantity operator*(Quantity a, double factor) { return a *= factor; }

  friend constexpr Quantity operator*(double factor, Quantity a) { return a *= factor; }

  friend constexpr Quantity operator/(Quantity a, double divisor) { return a /= divisor; }

  friend constexpr auto operator<=>(Quantity a, Quantity b) = default;  // NOLINT(*-use-nullptr)

 private:
  double si_ = 0;
};

template <Dimension A, Dimension B>
constexpr auto operator*(Quantity<A> a, Quantity<B> b) {
  constexpr Dimension result = combine(A, B, 1);
  if constexpr (result == Dimension{}) {
    return a.si() * b.si();
  } else {
    return Quantity<result>::from_si(a.si() * b.si());
  }
}

template <Dimension A, Dimension B>
constexpr auto operator/(Quantity<A> a, Quantity<B> b) {
  constexpr Dimension result = combine(A, B, -1);
  if constexpr (result == Dimension{}) {
    return a.si() / b.si();
  } else {
    return Quantity<result>::from_si(a.si() / b.si());
  }
}

template <Dimension D>
constexpr auto operator/(double value, Quantity<D> q) {
  return Quantity<combine(Dimension{}, D, -1)>::from_si(value / q.si());
}

using Bytes = Quantity<Dimension{.byte = 1}>;
using Flops = Quantity<Dimension{.operation = 1}>;
using Seconds = Quantity<Dimension{.second = 1}>;
using Joules = Quantity<Dimension{.joule = 1}>;
using Dollars = Quantity<Dimension{.dollar = 1}>;
using Kilograms = Quantity<Dimension{.kilogram = 1}>;
using CubicMetres = Quantity<Dimension{.cubic_metre = 1}>;
using BytesPerSecond = Quantity<Dimension{.byte = 1, .second = -1}>;
using FlopsPerSecond = Quantity<Dimension{.operation = 1, .second = -1}>;
using Hertz = Quantity<Dimension{.second = -1}>;
using Watts = Quantity<Dimension{.second = -1, .joule = 1}>;
using JoulesPerByte = Quantity<Dimension{.byte = -1, .joule = 1}>;
using JoulesPerFlop = Quantity<Dimension{.operation = -1, .joule = 1}>;
using DollarsPerSecond = Quantity<Dimension{.second = -1, .dollar = 1}>;
using DollarsPerJoule = Quantity<Dimension{.joule = -1, .dollar = 1}>;
using KilogramsPerJoule = Quantity<Dimension{.joule = -1, .kilogram = 1}>;
using CubicMetresPerJoule = Quantity<Dimension{.joule = -1, .cubic_metre = 1}>;

/// Units to make and read quantities with: `400 * Gb / s`, `time.in(ms)`.
namespace units {
inline constexpr Bytes B = Bytes::from_si(1), KB = 1e3 * B, MB = 1e6 * B, GB = 1e9 * B,
                       TB = 1e12 * B, PB = 1e15 * B;
inline constexpr Bytes KiB = 1024.0 * B, MiB = 1024.0 * KiB, GiB = 1024.0 * MiB, TiB = 1024.0 * GiB;
inline constexpr Bytes bit = B / 8.0, Mb = 1e6 * bit, Gb = 1e9 * bit, Tb = 1e12 * bit;
inline constexpr Flops FLOP = Flops::from_si(1), GFLOP = 1e9 * FLOP, TFLOP = 1e12 * FLOP,
                       PFLOP = 1e15 * FLOP, EFLOP = 1e18 * FLOP;
inline constexpr Seconds s = Seconds::from_si(1), ms = 1e-3 * s, us = 1e-6 * s, ns = 1e-9 * s,
                         hour = 3600.0 * s, day = 24.0 * hour;
inline constexpr Joules J = Joules::from_si(1), pJ = 1e-12 * J, kWh = 3.6e6 * J, MWh = 3.6e9 * J;
inline constexpr Watts W = J / s, kW = 1e3 * W, MW = 1e6 * W, GW = 1e9 * W;
inline constexpr Dollars USD = Dollars::from_si(1);
inline constexpr Kilograms kg = Kilograms::from_si(1), tonne = 1e3 * kg;
inline constexpr CubicMetres m3 = CubicMetres::from_si(1), litre = 1e-3 * m3;
inline constexpr Hertz Hz = 1.0 / s, MHz = 1e6 * Hz, GHz = 1e9 * Hz;
}  // namespace units

}  // namespace aisle
