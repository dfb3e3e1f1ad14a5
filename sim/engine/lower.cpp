// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/engine/engine.hpp"
#include "sim/kernels/kernels.hpp"
#include "workloads/collectives/collective.hpp"

#include <algorithm>

namespace aisle::sim {

namespace {

using topology::Cluster;
using workloads::Work;

double& demand(TimedWork& timed, Capacity capacity) {
  return timed.demand[static_cast<std::size_t>(capacity)];
}

/// Exclusive seconds of a capacity. Efficiencies (protocol overhead, access patterns) are in
/// `alone`, so a demand longer than that would be one of them counted twice.
double exclusive(Bytes bytes, BytesPerSecond bandwidth, Seconds alone) {
  if (bytes.si() <= 0) return 0;
  AISLE_ASSERT(bandwidth.si() > 0, "traffic is placed only on links that exist");
  return std::min((bytes / bandwidth).si(), alone.si());
}

/// How long the link between two dies takes for what of this memory traffic crosses it, one half
/// each way; nothing where it is not counted.
Seconds crossing(Bytes hbm, const topology::Accelerator& chip) {
  if (chip.die_crossing <= 0 || chip.die_to_die.value.si() <= 0) return {};
  return hbm * (chip.die_crossing / 2) / chip.die_to_die.value;
}

void add_width(std::vector<Width>& widths, Seconds time, int cores) {
  if (time.si() <= 0) return;
  const auto same = std::find_if(widths.begin(), widths.end(),
                                 [&](const Width& width) { return width.cores == cores; });
  if (same == widths.end()) {
    widths.push_back({time, cores});
  } else {
    same->time += time;
  }
}

void add_binding(Binding& binding, const workloads::Kernel& kernel, Seconds mean, Seconds own,
                 const topology::Accelerator& chip) {
  (is_tensor_bound(kernel, chip) ? binding.tensor_s : binding.memory_s) += mean.si();
  binding.imbalance_s += (own - mean).si();
}

TimedWork time_compute(const Work& work, const Cluster& cluster, const KernelModel& kernels) {
  TimedWork timed;
  timed.basis = Basis::measured;
  for (const workloads::Kernel& kernel : work.kernels) {
    KernelTime launch = kernels.time_of(kernel);
    const Seconds mean = launch.time;
    launch.time *= kernel.load * cluster.slowest_factor();
    // A calibrated time holds what a whole link takes; a narrower one may take longer.
    launch.time = std::max(launch.time, crossing(kernel.hbm_bytes, cluster.accelerator()));
    const double count = kernel.count;
    const Seconds gaps = count * kernels.launch_gap();
    add_binding(timed.binding, kernel, count * mean, count * launch.time, cluster.accelerator());
    timed.binding.gaps_s += gaps.si();
    add_width(timed.widths, count * launch.time, launch.cores);
    add_width(timed.widths, gaps, 0);
    timed.alone += count * launch.time + gaps;
    timed.basis = weakest(timed.basis, launch.basis);
    timed.flops += count * kernel.flops;
    timed.flops_by_precision[static_cast<std::size_t>(kernel.precision)] += count * kernel.flops;
    timed.hbm_bytes += count * kernel.hbm_bytes;
    timed.family_seconds[static_cast<std::size_t>(kernel.family)] +=
        (count * launch.time + gaps).si();
  }
  demand(timed, Capacity::hbm) =
      exclusive(timed.hbm_bytes, cluster.accelerator().hbm_bandwidth.value, timed.alone);
  demand(timed, Capacity::die_to_die) = crossing(timed.hbm_bytes, cluster.accelerator()).si();
  timed.die_to_die_bytes = cluster.accelerator().die_crossing * timed.hbm_bytes;
  return timed;
}

TimedWork time_communication(const Work& work, const Cluster& cluster, const KernelModel& kernels) {
  const workloads::CommunicationCost cost =
      workloads::cost_of(work.communication, cluster, kernels.communication());
  const BytesPerSecond up = cluster.scale_up().bandwidth.value;
  const BytesPerSecond out = cluster.scale_out().bandwidth.value;
  TimedWork timed;
  const Seconds between_dies = crossing(cost.hbm, cluster.accelerator());
  timed.alone = std::max(cost.alone, between_dies);
  timed.basis = cost.basis;
  timed.choice = static_cast<const workloads::Choice&>(cost);
  timed.cores_held = cost.cores;
  timed.hbm_bytes = cost.hbm;
  timed.die_to_die_bytes = cluster.accelerator().die_crossing * cost.hbm;
  timed.scale_up_bytes = cost.scale_up_out + cost.scale_up_in;
  timed.scale_out_bytes = cost.scale_out_out + cost.scale_out_in;
  demand(timed, Capacity::hbm) =
      exclusive(cost.hbm, cluster.accelerator().hbm_bandwidth.value, cost.alone);
  demand(timed, Capacity::die_to_die) = between_dies.si();
  demand(timed, Capacity::scale_up_out) = exclusive(cost.scale_up_out, up, cost.alone);
  demand(timed, Capacity::scale_up_in) = exclusive(cost.scale_up_in, up, cost.alone);
  demand(timed, Capacity::scale_out_out) = exclusive(cost.scale_out_out, out, cost.alone);
  demand(timed, Capacity::scale_out_in) = exclusive(cost.scale_out_in, out, cost.alone);
  return timed;
}

TimedWork time_work(const Work& work, const Cluster& cluster, const KernelModel& kernels) {
  if (work.given > Seconds()) {
    TimedWork timed;
    timed.alone = work.given;
    timed.basis = Basis::assumed;
    return timed;
  }
  return work.is_communication ? time_communication(work, cluster, kernels)
                               : time_compute(work, cluster, kernels);
}

}  // namespace

TimedPlan lower(const workloads::Plan& plan, const Cluster& cluster, const KernelModel& kernels) {
  TimedPlan timed;
  timed.plan = &plan;
  timed.cores = cluster.accelerator().cores;
  timed.interference = kernels.interference();
  timed.slowest = cluster.slowest_factor();
  timed.works.reserve(plan.works.size());
  for (const Work& work : plan.works) { timed.works.push_back(time_work(work, cluster, kernels)); }
  return timed;
}

}  // namespace aisle::sim
