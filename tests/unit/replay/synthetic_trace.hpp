// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace aisle::workloads::traces::test {

struct SyntheticOptions {
  int layers = 2;
  bool communication = true;
  double stretch = 1;  ///< factor on every time
};

/// The synthetic trace in scenarios/traces: a training chunk of a mixture of experts over
/// 64 ranks in the form of Kineto's JSON, two micro-batches interleaved so that the exchanges of
/// one run beside the computation of the other. Names are those of public libraries; every time
/// follows from a size and a rate below, none was recorded anywhere.
std::string synthetic_trace(const SyntheticOptions& options = {});

}  // namespace aisle::workloads::traces::test
