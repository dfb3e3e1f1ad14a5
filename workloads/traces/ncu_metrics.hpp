// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/trace.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace aisle::workloads::traces {

/// Numbers as Nsight Compute prints them: with separators of thousands, in the language of the
/// machine. "1,354" is a number of thousands in one and a fraction in the other: the file's
/// unambiguous numbers decide, else a group of three digits is one of thousands.
class NcuNumbers {
 public:
  void learn(std::string_view text);
  std::optional<double> read(std::string_view text) const;

 private:
  char decimal_ = 0;  // '.' or ','; 0: not known
};

/// What is known of one launch: the metrics of Nsight Compute that Aisle uses.
class NcuMetrics {
 public:
  /// True if the metric is of use and readable.
  bool take(std::string_view name, std::string_view unit, std::string_view value,
            const NcuNumbers& numbers);

  /// "(32, 4, 1)".
  static void dimensions(std::string_view text, std::array<std::int32_t, 3>& out);

  std::int64_t duration_ns() const;
  double dram_bytes() const;
  /// Kernels with tensor instructions whose operations were not counted: kUnknown.
  double flops() const;

  double tensor_share() const { return tensor_share_; }

  LaunchShape shape;
  double waves = 0;            ///< waves of blocks per SM, two decimals
  double blocks_per_core = 0;  ///< the least of the occupancy limits; 0: not known

 private:
  double dram_ = kUnknown, dram_read_ = kUnknown, dram_write_ = kUnknown;
  double duration_ns_ = kUnknown, cycles_ = kUnknown, clock_hz_ = kUnknown;
  double plain_flops_ = kUnknown, tensor_flops_ = kUnknown, tensor_instructions_ = kUnknown;
  double tensor_share_ = kUnknown;
};

/// The number of SMs that all launches' waves agree on: waves = blocks / (SMs x blocks per SM),
/// rounded to two decimals.
class NcuCores {
 public:
  void narrow(const NcuMetrics& metrics);
  /// 0: not known, or not to one number.
  std::int32_t cores() const;

 private:
  double least_ = 1, most_ = 1e6;
};

}  // namespace aisle::workloads::traces
