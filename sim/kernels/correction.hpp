// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace aisle::pb {
class Correction;
}

namespace aisle::sim {

/// What measurements add to a formula around their shapes: ln(measured/predicted) on a grid over
/// three logarithms, linear between points, falling to 0 within kReach outside of the grid.
class Correction {
 public:
  using Point = std::array<double, 3>;

  static constexpr double kReach = 4;  ///< doublings

  /// A value to meet, its weight, and the fold that it belongs to when the stiffness is chosen:
  /// points of one fold are left out together.
  struct Sample {
    Point at;
    double value = 0, weight = 1;
    std::uint32_t fold = 0;
  };

  /// The grid that meets the samples best while bending little: least squares with a penalty on
  /// second differences, outliers by their size. How stiff is given, or, 0, chosen by leaving each
  /// of three folds out in turn; empty if no stiffness beats no correction.
  static Correction fitted(std::span<const Sample> samples, double stiffness = 0);

  static Correction from(const pb::Correction& message);
  void write(pb::Correction& message) const;

  bool empty() const { return values_.empty(); }

  double at(const Point& point) const;

 private:
  friend class CorrectionFit;

  std::array<double, 3> first_{}, step_{1, 1, 1};
  std::array<int, 3> count_{};
  double stiffness_ = 0;
  std::vector<float> values_;  ///< the third axis fastest
};

}  // namespace aisle::sim
