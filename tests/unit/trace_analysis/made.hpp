// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/trace.hpp"

#include <string_view>
#include <vector>

/// Traces made by hand.
namespace aisle::tests {

class MadeTrace {
 public:
  MadeTrace();

  /// A kernel on a stream of device 0; times in nanoseconds. Returns its index.
  workloads::traces::Index kernel(std::string_view name, std::int64_t start, std::int64_t duration,
                                  workloads::traces::Index stream = 0);
  /// The operator that launches the last kernel, at `host_start`.
  void launched_by(std::string_view op, std::vector<workloads::traces::Operands::Tensor> inputs,
                   std::string_view values = "", std::int64_t host_start = 0);
  /// Another kernel of the same operator.
  void same_operator();
  workloads::traces::Index parent(std::string_view op);

  workloads::traces::DeviceEvent& last() { return trace.device.back(); }

  /// With the classes of all names.
  workloads::traces::Trace& done();

  workloads::traces::Trace trace;
  workloads::traces::Index parent_ = workloads::traces::kNone;
};

}  // namespace aisle::tests
