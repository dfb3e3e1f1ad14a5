// SPDX-License-Identifier: Apache-2.0
// Internal to workloads/traces: names of kernels against patterns.
#pragma once

#include "topology/cluster.hpp"

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

namespace aisle::workloads::traces {

/// A kernel's name as the patterns see it: lower case, without a return type of void and without
/// the list of arguments (whose types would look like those of operands). Names of Ascend
/// operators are cut down to the operator's type: "aclnnMatmul_MatMulCommon_MatMulV2" is
/// "matmulv".
class KernelName {
 public:
  explicit KernelName(std::string_view name);

  const std::string& text() const { return text_; }

  /// Whether the pattern (lower case) occurs: `*` stands for anything, `^` for the start, `$` for
  /// the end. Of XLA's names only the hlo_op is looked at, unless the pattern begins with `@`.
  bool has(std::string_view pattern) const;

  /// Format of the operands, from types in the name; of several, that of the matrix operands
  /// (the narrowest, for results are wider).
  std::optional<topology::Precision> precision() const;

 private:
  bool may_have(std::string_view literal) const;

  std::string text_, whole_;  ///< whole_: XLA's name with the path before hlo_op, else empty
  std::bitset<std::size_t{1} << 16> pairs_;  ///< of neighbouring bytes, to refuse in one look
};

}  // namespace aisle::workloads::traces
