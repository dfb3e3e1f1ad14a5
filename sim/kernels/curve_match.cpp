// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/curve_match.hpp"

namespace aisle::sim {

using topology::Precision;
using workloads::Direction;
using workloads::Family;
using workloads::kFamilies;

namespace {

constexpr int kWellMeasured = 500;

bool counts(const pb::Curve& curve, Among among) {
  if (among == Among::training) return curve.variant() == "training";
  if (among == Among::flash_2) return curve.variant() == "flash-2";
  if (!curve.has_variant() || among == Among::any) return true;
  return among == Among::well_measured && curve.family() == to_string(Family::gemm) &&
         curve.samples() >= kWellMeasured;
}

}  // namespace

std::string_view name_of(Direction direction) {
  constexpr std::string_view kNames[] = {"forward", "dgrad", "wgrad"};
  return kNames[static_cast<std::size_t>(direction)];
}

CurvesByFamily by_family(const pb::Calibration& calibration) {
  CurvesByFamily read;
  for (const pb::Curve& curve : calibration.curve()) {
    ReadCurve one{&curve, curve.has_direction() ? -2 : -1, curve.has_precision() ? -2 : -1};
    for (int d = 0; d < kDirections; ++d) {
      if (curve.direction() == name_of(static_cast<Direction>(d))) one.direction = d;
    }
    for (int p = 0; p < topology::kPrecisions; ++p) {
      if (curve.precision() == topology::to_string(static_cast<Precision>(p))) one.precision = p;
    }
    for (int f = 0; f < kFamilies; ++f) {
      if (curve.family() == workloads::to_string(static_cast<Family>(f))) {
        read[static_cast<std::size_t>(f)].push_back(one);
      }
    }
  }
  return read;
}

const pb::Curve* find_curve(const std::vector<ReadCurve>& curves, Direction direction,
                            Precision precision, Match match, Among among) {
  const pb::Curve* best = nullptr;
  int best_score = -1;
  for (const ReadCurve& one : curves) {
    const pb::Curve& curve = *one.curve;
    if (!counts(curve, among)) { continue; }
    const bool same_direction = one.direction == static_cast<int>(direction);
    const bool same_precision = one.precision == static_cast<int>(precision);
    if (match == Match::exact && curve.has_direction() && !same_direction) { continue; }
    if (match != Match::other_precision && curve.has_precision() && !same_precision) { continue; }
    // Curves of one implementation among several stand behind a plain one.
    const int score = 4 * !curve.has_variant() + 2 * same_precision + same_direction;
    if (score > best_score) {
      best = &curve;
      best_score = score;
    }
  }
  return best;
}

}  // namespace aisle::sim
