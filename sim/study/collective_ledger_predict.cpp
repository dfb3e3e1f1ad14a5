// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/kernels.hpp"
#include "sim/study/collective.hpp"
#include "sim/study/collective_ledger.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/collectives/collective.hpp"

#include <fmt/core.h>

#include <map>

namespace aisle::sim {

namespace {

pb::Cluster describe(const LedgerMachine& machine) {
  pb::Cluster cluster;
  cluster.set_accelerator(machine.accelerator);
  cluster.set_count(machine.domains * machine.domain_size);
  cluster.mutable_scale_up()->set_size(machine.domain_size);
  if (!machine.fabric.empty()) cluster.mutable_scale_out()->set_fabric(machine.fabric);
  if (machine.nic.si() > 0) {
    cluster.mutable_scale_out()->set_nic(
        fmt::format("{:.6f} GB/s", machine.nic.in(units::GB / units::s)));
  }
  return cluster;
}

/// The first `per_domain` members of each domain.
std::vector<int> members(const LedgerMachine& machine, int per_domain) {
  std::vector<int> out;
  for (int domain = 0; domain < machine.domains; ++domain) {
    for (int i = 0; i < per_domain; ++i) out.push_back(domain * machine.domain_size + i);
  }
  return out;
}

}  // namespace

struct CollectivePredictor::Impl {
  struct Group {
    std::vector<int> members;
    topology::Hierarchy hierarchy;
  };

  struct Built {
    std::optional<topology::Cluster> cluster;
    std::optional<KernelModel> kernels;
    std::map<int, Group> groups;  ///< by chips per domain
    std::string reason;           ///< why there is no cluster
  };

  const topology::Catalogue& catalogue;
  bool event;
  std::map<std::string, Built> machines;

  Built& machine(const LedgerMachine& machine) {
    const auto [entry, fresh] = machines.try_emplace(machine.key());
    Built& built = entry->second;
    if (!fresh) return built;
    Diagnostics diagnostics;
    built.cluster = topology::build_cluster(describe(machine), SourceMap(), catalogue, diagnostics,
                                            topology::Oversubscription::in_links);
    if (built.cluster) {
      built.kernels.emplace(built.cluster->accelerator(), catalogue);
    } else if (!diagnostics.all().empty()) {
      built.reason = diagnostics.all().front().sentence;
    }
    return built;
  }

  const Group& group(Built& built, const CollectiveQuestion& question) {
    const auto [entry, fresh] = built.groups.try_emplace(question.chips_per_domain);
    Group& group = entry->second;
    if (!fresh) return group;
    group.members = members(question.machine, question.chips_per_domain);
    group.hierarchy = built.cluster->hierarchy(group.members);
    return group;
  }
};

CollectivePredictor::CollectivePredictor(const topology::Catalogue& catalogue, bool event)
    : impl_(std::make_unique<Impl>(Impl{catalogue, event, {}})) {}

CollectivePredictor::~CollectivePredictor() = default;

std::variant<double, std::string> CollectivePredictor::predict(const CollectiveQuestion& question) {
  Impl::Built& built = impl_->machine(question.machine);
  if (!built.cluster) return built.reason;
  const Impl::Group& group = impl_->group(built, question);
  CollectiveTask task{"row", question.communication, group.members};
  task.communication.group = group.hierarchy;
  std::optional<Seconds> fastest;
  std::string reason;
  CollectiveOptions options;
  options.event = impl_->event;
  for (const workloads::Algorithm algorithm : question.algorithms) {
    task.communication.algorithm = algorithm;
    if (auto refused = workloads::why_not(task.communication, *built.cluster)) {
      reason = *refused;
      continue;
    }
    const CollectiveOutcome outcome = run_tasks({task}, *built.cluster, *built.kernels, options);
    const Seconds time = outcome.jobs.front().time;
    if (!fastest || time < *fastest) fastest = time;
  }
  if (!fastest) return reason;
  if (question.metric == "time_us") return fastest->in(units::us);
  return (question.counted / *fastest).in(units::GB / units::s);
}

}  // namespace aisle::sim
