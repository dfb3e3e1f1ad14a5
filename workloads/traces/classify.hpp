// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "workloads/plan.hpp"

#include <optional>
#include <string_view>

namespace aisle::workloads::traces {

/// What the name of a kernel tells. Names come from NVIDIA, AMD and Ascend libraries, Triton and
/// XLA; the tables in kernel_names_*.cpp list the
/// patterns, first match wins.
struct KernelClass {
  Family family = Family::other;  ///< other: unknown, or of no family of ours
  bool known = false;             ///< a pattern matched
  bool communication = false;     ///< then `collective` and `library` say what and whose
  bool rendezvous = false;        ///< communication that only waits for others (notify, barrier)
  Direction direction = Direction::forward;
  bool direction_known = false;
  std::optional<topology::Precision> precision;
  CollectiveKind collective = CollectiveKind::all_reduce;
  bool collective_known = false;  ///< false: only the metadata can tell (RCCL's generic kernel)
  std::string_view library;       ///< "cuBLAS", "DeepGEMM", "FlashAttention-3", "NCCL", "DeepEP"
};

KernelClass classify(std::string_view kernel_name);

}  // namespace aisle::workloads::traces
