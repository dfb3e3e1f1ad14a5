// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"

namespace aisle::test {

/// A training step of a sparse model with everything that a result can hold. The figures are made
/// up, round and consistent with one another.
pb::Result sparse_result();
/// The same job on a dense model, another batch and half the chips.
pb::Result dense_result();
/// A job that does not fit.
pb::Result infeasible_result();
/// A timeline of `ranks` ranks with two streams of `spans` spans each.
pb::Timeline timeline(int ranks, int spans);

}  // namespace aisle::test
