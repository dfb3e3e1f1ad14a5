// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/estimate.hpp"
#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "workloads/plan.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace aisle::sim {

class KernelModel;

/// Shared capacities of one accelerator. Each is expressed as seconds of exclusive use per second,
/// so its capacity is 1.
enum class Capacity : std::uint8_t {
  cores,
  hbm,
  scale_up_out,
  scale_up_in,
  scale_out_out,
  scale_out_in
};
inline constexpr int kCapacities = 6;
std::string_view to_string(Capacity capacity);

/// Work with its time and demands known. One progress, whose rate is at most 1/alone; of each
/// capacity it draws demand/alone times that rate.
struct TimedWork {
  Seconds alone;
  /// Exclusive seconds of each capacity that one execution uses, at each member rank. `cores` is
  /// that of the widest kernel: sum over kernels of time x cores / all cores.
  std::array<double, kCapacities> demand{};
  int cores_held = 0;  ///< communication: cores subtracted from the device's while it runs
  Basis basis = Basis::assumed;
  // What it does on one member, for energy and breakdown.
  Flops flops;
  std::array<Flops, topology::kPrecisions> flops_by_precision{};
  Bytes hbm_bytes, scale_up_bytes, scale_out_bytes;
  std::array<double, 16> family_seconds{};  ///< by workloads::Family
};

/// A plan lowered onto a machine: every work timed. Both engines execute this.
struct TimedPlan {
  const workloads::Plan* plan = nullptr;
  std::vector<TimedWork> works;  ///< parallel to plan->works
  int cores = 1;                 ///< of one accelerator
  double interference =
      1;  ///< factor on a rank's compute rate while it holds cores for communication
};

/// Times every work of the plan, once each.
TimedPlan lower(const workloads::Plan& plan, const topology::Cluster& cluster,
                const KernelModel& kernels);

/// When each operation ran; parallel to plan.operations.
struct Execution {
  std::vector<double> start_s, end_s;
  Seconds makespan;
  std::int64_t classes = 0;     ///< ranks simulated
  std::int64_t activities = 0;  ///< operations simulated
};

/// Merges ranks that do the same (colour refinement over queues, works, dependencies and partners)
/// and returns the plan of one rank per class, multiplicities added, and for each rank of the input
/// the class that stands for it. Exact: the max-min rates of the quotient are those of the whole.
/// DualPipe's mirror ranks fold two to one.
struct FoldedPlan {
  workloads::Plan plan;
  std::vector<std::int32_t> class_of_rank;
};

FoldedPlan fold(const workloads::Plan& plan);

/// Executes on SimGrid (parallel-task model with bottleneck max-fairness): the reference. Once per
/// process, because SimGrid's engine is a process-wide singleton; a second call is a bug.
Execution execute_event(const TimedPlan& plan);

/// Executes by list scheduling: queues and dependencies as in the event engine; capacities are
/// shared max-min on each device separately, and an operation of several ranks moves at its slowest
/// member's rate without giving back what it then leaves unused elsewhere. Equal to the event
/// engine wherever no operation of several ranks contends.
Execution execute_analytic(const TimedPlan& plan);

}  // namespace aisle::sim
