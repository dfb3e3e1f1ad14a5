// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace aisle::pb {
class Training;
}

namespace aisle::workloads::parallel {

/// Among whom replicas cut what they hold in common, and how it travels; the ZeRO stage says what
/// is cut. ZeRO, FSDP, HSDP, MiCS and ZeRO++ are settings of it (docs/model/parallel.md). Ranks are
/// those of data and context parallelism, in runs; 0 stands for all of them.
struct Sharding {
  int ranks = 0;     ///< that hold one copy together
  int backward = 0;  ///< ZeRO-3: that keep one copy of the weights from the forward to the backward
                     ///< pass; 0: as `ranks`; 1: each keeps them whole
  double weights = 2, gradients = 4;  ///< bytes of one parameter on the wire
  bool every_pass = false;            ///< gradients are summed over all after each pass, not once
  bool gather_ahead = true;           ///< weights are gathered before they are needed
  bool reduce_behind = true;          ///< gradients are summed beside the rest of the backward pass
  double bucket = 0;  ///< parameters that travel together, at least; 0: layer by layer
};

struct Job;

/// Takes an error: a field below "workload.training", what is wrong, and the nearest valid choice.
using Refuse = std::function<void(const std::string&, std::string, std::string)>;

/// Bytes of one number of a format that travels or is kept; none if there is no such format.
std::optional<double> format_bytes(const std::string& name);

/// From a training description and a job whose layout and states are known.
Sharding read_sharding(const Job& job, const pb::Training& training, const Refuse& refuse);

}  // namespace aisle::workloads::parallel
