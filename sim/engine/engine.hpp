// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/estimate.hpp"
#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "workloads/plan.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace aisle::sim {

class KernelModel;

/// Capacities of one accelerator that its streams share. Each is expressed as seconds of exclusive
/// use per second, so its capacity is 1. Cores are not among them: a communication kernel takes
/// them away from compute (rate_factor), it does not share them.
enum class Capacity : std::uint8_t {
  hbm,
  scale_up_out,
  scale_up_in,
  scale_out_out,
  scale_out_in,
  die_to_die
};
inline constexpr int kCapacities = 6;
std::string_view to_string(Capacity capacity);

/// Time that a work spends in kernels which can use just `cores` cores (0: in gaps between kernels,
/// which no loss of cores lengthens).
struct Width {
  Seconds time;
  int cores = 0;
};

/// What binds a work of kernels: seconds of its `alone` in kernels that the tensor cores hold up
/// and in those that memory holds up, on a mean chip with mean experts; in gaps between kernels;
/// and what the slowest accelerator and the most loaded experts add.
struct Binding {
  double tensor_s = 0, memory_s = 0, gaps_s = 0, imbalance_s = 0;

  double sum() const { return tensor_s + memory_s + gaps_s + imbalance_s; }
};

/// Work with its time and demands known. One progress, whose rate is at most 1/alone; of each
/// capacity it draws demand/alone times that rate.
struct TimedWork {
  Seconds alone;
  /// Exclusive seconds of each capacity that one execution uses at each member, at most `alone`.
  /// At a place on Stream::send only the outward links are drawn, at one on Stream::receive only
  /// the inward ones, elsewhere both.
  std::array<double, kCapacities> demand{};
  std::vector<Width> widths;  ///< compute: how `alone` divides by cores used; else empty
  int cores_held = 0;         ///< communication: cores taken from compute while it runs, per place
  Basis basis = Basis::assumed;
  /// What it does on one member, for energy and breakdown. Link bytes are those sent plus those
  /// received; a place on Stream::send or Stream::receive does one half.
  Flops flops;
  std::array<Flops, topology::kPrecisions> flops_by_precision{};
  Bytes hbm_bytes, die_to_die_bytes, scale_up_bytes, scale_out_bytes;
  std::array<double, workloads::kFamilies>
      family_seconds{};      ///< by workloads::Family; sums to `alone` for compute
  Binding binding;           ///< sums to `alone` for compute that was timed by shape, else nothing
  workloads::Choice choice;  ///< communication: how the library carries it out
};

/// Rate, as a share of full rate, at which a work runs while `held` of `cores` cores are taken by
/// communication: alone / sum of t * max(interference, c / (cores - held)) over its widths; gaps
/// keep their length. A kernel as wide as the device loses the cores; one that leaves them free
/// anyway loses `interference` (both measured: docs/model/kernels.md). Exact for each kernel's
/// time; a chain of kernels moves at the mean rate of the chain. At least one core is left. 1 for
/// communication.
double rate_factor(const TimedWork& work, int held, int cores, double interference);

/// A plan lowered onto a machine: every work timed. Both engines execute this.
struct TimedPlan {
  const workloads::Plan* plan = nullptr;
  std::vector<TimedWork> works;  ///< parallel to plan->works
  int cores = 1;                 ///< of one accelerator
  double interference = 1;       ///< least slow-down of a kernel while communication holds cores
  double slowest = 1;  ///< computation on the slowest accelerator over the mean; in `alone`
};

/// Times every work of the plan, once each. `plan` must outlive the result.
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
/// the class that stands for it. An operation between two merged ranks becomes one at both places
/// of their representative. Micro-batch numbers are labels and hinder nothing. Exact: the fair
/// rates of the quotient are those of the whole. DualPipe's mirror ranks fold two to one.
struct FoldedPlan {
  workloads::Plan plan;
  std::vector<std::int32_t> class_of_rank;
};

FoldedPlan fold(const workloads::Plan& plan);

/// Executes on SimGrid (parallel-task model with bottleneck max-fairness): the reference. Once per
/// process, because SimGrid's engine is a process-wide singleton; a second call is a bug.
Execution execute_event(const TimedPlan& plan);

/// Executes by list scheduling: queues and dependencies as in the event engine; capacities are
/// shared fairly on each device separately, and an operation of several places moves at its slowest
/// place's rate without giving back what it then leaves unused elsewhere. Equal to the event
/// engine wherever no operation of several places contends.
Execution execute_analytic(const TimedPlan& plan);

}  // namespace aisle::sim
