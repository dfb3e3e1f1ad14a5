// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "topology/network.hpp"
#include "workloads/collectives/schedule.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::pb {
class Collective;
class Result;
class Scenario;
}  // namespace aisle::pb

namespace aisle::sim {

class KernelModel;

/// One job of a collective workload: what it runs, and on which accelerators.
struct CollectiveTask {
  std::string name;
  workloads::Communication communication;
  std::vector<int> members;  ///< accelerator ids
};

/// Reads the tasks of a collective workload and places them. Reports unknown operations, algorithms
/// and protocols (with the nearest), sizes that are not positive, jobs that do not fit or do not
/// fill whole domains, and algorithms that the group cannot run.
std::optional<std::vector<CollectiveTask>> read_tasks(const pb::Scenario& scenario,
                                                      const topology::Cluster& cluster,
                                                      const SourceMap& places,
                                                      Diagnostics& diagnostics);

struct CollectiveOptions {
  bool event = true;  ///< flow-level simulation; false: closed form over the same traffic
  bool fold = true;
  std::uint64_t seed = 1;
  Seconds arrival_jitter;   ///< standard deviation between ranks
  double load_spread = 0;   ///< relative standard deviation between ranks of an exchange
  int sampled_ranks = 512;  ///< of an exchange whose ranks differ by chance
};

/// What came of the tasks, in order, and what the network carried; `caveats` are sentences.
struct CollectiveOutcome {
  struct Job {
    workloads::CommunicationCost cost;
    Seconds time;
    std::string bound_by;
    Seconds low, high;  ///< 90 % of draws; 0 where nothing is drawn
  };

  struct Load {
    topology::LinkKind kind;
    bool outward = false;
    double links = 0;
    Bytes bytes;
    double mean_share = 0, max_share = 0;
    std::string busiest;
  };

  std::vector<Job> jobs;
  std::vector<Load> loads;
  std::int64_t flows = 0;
  std::vector<std::string> caveats;
  std::string cut;  ///< the pair that faults have cut from each other: nothing ran
};

CollectiveOutcome run_tasks(const std::vector<CollectiveTask>& tasks,
                            const topology::Cluster& cluster, const KernelModel& kernels,
                            const CollectiveOptions& options);

/// Letters and digits in lower case: "NVLSTree", "nvls_tree" and "NVLS tree" are one name.
std::string plain(std::string_view name);

/// Bus bandwidth over algorithm bandwidth, as nccl-tests defines it for n ranks.
double bus_factor(workloads::CollectiveKind kind, int ranks);

/// Metrics, jobs and link loads of the outcome, as results carry them.
void record(const std::vector<CollectiveTask>& tasks, const CollectiveOutcome& outcome,
            pb::Result& result);

}  // namespace aisle::sim
