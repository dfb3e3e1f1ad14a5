// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/engine/engine.hpp"
#include "sim/kernels/kernels.hpp"
#include "topology/cluster.hpp"
#include "workloads/traces/describe.hpp"
#include "workloads/traces/replay.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aisle::pb {
class Replay;
class Result;
}  // namespace aisle::pb

/// From a recorded trace to the figures of its replay on another machine. Used by sim/study alone.
namespace aisle::sim {

/// A cluster, with what kernels and collectives take on it.
struct ReplayMachine {
  ReplayMachine(topology::Cluster built, const topology::Catalogue& catalogue)
      : cluster(std::move(built)), kernels(cluster.accelerator(), catalogue) {}

  topology::Cluster cluster;
  KernelModel kernels;
};

/// Time of kernels on one chip over that on another. Chips of one die (equal cores and matrix
/// peaks) run the same kernels: what differs between their calibrations is the libraries that were
/// measured, so the first chip's curves are taken for both, each at its own memory. For the same
/// reason the time on the first chip is that of a chip of its die whose curve was measured in the
/// same place as the second chip's, where there is one; and where just one of the chips has a
/// measured curve, the first's serves for both.
class KernelRatio {
 public:
  KernelRatio(const ReplayMachine& from, const ReplayMachine& to,
              const topology::Catalogue& catalogue);
  /// `before` on the first chip, `after` on the second: the same work, which may move other bytes
  /// there.
  double of(const workloads::Kernel& before, const workloads::Kernel& after) const;
  /// The model that times the kernel on the first chip.
  const KernelModel& first(const workloads::Kernel& kernel) const;

 private:
  const KernelModel& second(const workloads::Kernel& kernel) const;

  std::vector<KernelModel> first_;  ///< the chip's own; others of its die, at its rates
  const KernelModel* second_;
  KernelModel first_at_second_;  ///< the first chip's curves at the second's rates
  bool same_die_;
};

/// Catalogue name of the accelerator that a rank was recorded on: by its name, without vendor and
/// form factor where that helps, and its memory; devices without a name by cores and memory. Empty:
/// none of the catalogue.
std::string recorded_accelerator(const workloads::traces::Rank& rank,
                                 const topology::Catalogue& catalogue);

/// Ranks of the job: as recorded, but no fewer than the trace shows.
int recorded_world(const workloads::traces::Trace& trace);

/// Whole scale-up domains of the size for so many accelerators, or a part of one.
int whole_domains(int count, int domain);

enum class GroupKind : std::uint8_t { tensor, pipeline, data, expert };
std::string_view to_string(GroupKind kind);

/// A process group before and after the job grew.
struct ReplayGroup {
  std::string name;
  GroupKind kind = GroupKind::data;
  int recorded = 1, replayed = 1;
  int stride = 1;  ///< between neighbours, in ranks of the job
};

/// Which groups a trace has, and how large they are with more ranks. The kind follows from name and
/// description, else from what is run in the group and how it lies.
class ReplayGroups {
 public:
  ReplayGroups(const workloads::traces::Trace& trace, const pb::Replay& asked, int recorded,
               int replayed);

  const ReplayGroup& of(const workloads::traces::CollectiveCall& call) const;
  topology::Hierarchy hierarchy(const ReplayGroup& group, int size,
                                const topology::Cluster& cluster) const;

  /// Groups that something was run in.
  std::vector<ReplayGroup> used(const workloads::traces::Trace& trace) const;

 private:
  GroupKind kind_of(const workloads::traces::Trace& trace, std::size_t group) const;

  std::vector<ReplayGroup> groups_;     ///< of the trace; the last one: of no known group
  std::vector<ReplayGroup> exchanges_;  ///< the same for dispatch and combine: of experts
  mutable std::map<std::pair<const topology::Cluster*, std::pair<int, int>>, topology::Hierarchy>
      hierarchies_;
};

/// A kernel of the same family, direction and number format, of such a size that it takes the time
/// given: for those of which nothing else is known.
workloads::Kernel stand_in(const workloads::Kernel& kernel, Seconds time, const KernelModel& model);

/// What became of the recorded times.
struct Retimed {
  TimedPlan timed;
  std::vector<char> memory_bound;  ///< [works] on the machine that it runs on
  std::vector<double> waiting_s;   ///< [works] of a communication's time: for others to come
  std::array<double, workloads::kFamilies> recorded_s{};  ///< by family, all ranks
  double compute_ratio = 1;                               ///< time of all kernels over recorded
  std::vector<std::string> notes;
};

struct RetimeInput {
  const workloads::traces::Trace& trace;
  workloads::traces::ReplayPlan& replay;
  const std::vector<workloads::traces::Described>& described;
  const std::vector<double>& beside;
  const ReplayMachine* from = nullptr;  ///< nullptr: not known
  const ReplayMachine* to = nullptr;    ///< nullptr: as recorded
  const KernelRatio* ratio = nullptr;   ///< of both
  const ReplayGroups& groups;
  const pb::Replay& asked;
  double slower = 1;  ///< computation on the slowest of all ranks over that of the recorded ones
};

/// Times every work of the replay and describes it in the plan.
Retimed retime(const RetimeInput& input);

/// Fills metrics, breakdown and families.
void measure_replay(const RetimeInput& input, const Retimed& retimed, const Execution& execution,
                    pb::Result& result);

}  // namespace aisle::sim
