// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace aisle::workloads::parallel {

/// Low-rank adapters beside frozen weights.
struct Adapters {
  int rank = 0;  ///< 0: none, every weight is trained
  bool attention = false, feed_forward = false;
};

}  // namespace aisle::workloads::parallel
