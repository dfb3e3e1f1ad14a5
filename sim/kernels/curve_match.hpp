// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/kernels/calibration.pb.h"
#include "topology/catalogue/figures.hpp"
#include "workloads/kernel.hpp"

#include <array>
#include <string_view>
#include <vector>

/// Used by sim/kernels alone: which curve of a calibration a kernel takes.
namespace aisle::sim {

inline constexpr int kDirections = 3;

/// As calibrations write it: "forward", "dgrad", "wgrad".
std::string_view name_of(workloads::Direction direction);

/// How loosely a curve may fit the kernel asked for.
enum class Match { exact, other_direction, other_precision };

/// Whether curves of single implementations count: those of products with many samples do where a
/// chip has no plain curve, before a relative's plain one. Training, flash_2: those of training
/// steps, of FlashAttention-2 alone.
enum class Among { plain, well_measured, any, training, flash_2 };

/// A curve with its words read; -1: the curve does not say, -2: a word that none of ours is.
struct ReadCurve {
  const pb::Curve* curve = nullptr;
  int direction = -1, precision = -1;
};

/// Curves of one calibration by family.
using CurvesByFamily = std::array<std::vector<ReadCurve>, workloads::kFamilies>;

CurvesByFamily by_family(const pb::Calibration& calibration);

/// The curve among those of a family that fits best; nullptr: none fits.
const pb::Curve* find_curve(const std::vector<ReadCurve>& curves, workloads::Direction direction,
                            topology::Precision precision, Match match, Among among);

}  // namespace aisle::sim
