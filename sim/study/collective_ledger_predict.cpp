// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/kernels.hpp"
#include "sim/study/collective_ledger.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/collectives/collective.hpp"

#include <fmt/core.h>

#include <map>

namespace aisle::sim {

namespace {

std::string in_words(BytesPerSecond rate) {
  return fmt::format("{:.6f} GB/s", rate.in(units::GB / units::s));
}

pb::Cluster describe(const Machine& machine) {
  pb::Cluster cluster;
  cluster.set_accelerator(machine.accelerator);
  cluster.set_count(machine.domains * machine.domain_size);
  cluster.mutable_scale_up()->set_size(machine.domain_size);
  if (!machine.fabric.empty()) cluster.mutable_scale_out()->set_fabric(machine.fabric);
  if (machine.nic.si() > 0) cluster.mutable_scale_out()->set_nic(in_words(machine.nic));
  return cluster;
}

/// The first `per_domain` members of each domain.
std::vector<int> members(const Machine& machine, int per_domain) {
  std::vector<int> out;
  for (int domain = 0; domain < machine.domains; ++domain) {
    for (int i = 0; i < per_domain; ++i) out.push_back(domain * machine.domain_size + i);
  }
  return out;
}

}  // namespace

struct CollectivePredictor::Impl {
  struct Built {
    std::optional<topology::Cluster> cluster;
    workloads::CommunicationProfile profile;
    std::map<int, topology::Hierarchy> groups;  ///< by chips per domain
    std::string reason;                         ///< why there is no cluster
  };

  const topology::Catalogue& catalogue;
  std::map<std::string, Built> machines;

  Built& machine(const Machine& machine) {
    const auto [entry, fresh] = machines.try_emplace(machine.key());
    Built& built = entry->second;
    if (!fresh) return built;
    Diagnostics diagnostics;
    built.cluster = topology::build_cluster(describe(machine), SourceMap(), catalogue, diagnostics);
    if (built.cluster) {
      built.profile = KernelModel(built.cluster->accelerator(), catalogue).communication();
    } else if (!diagnostics.all().empty()) {
      built.reason = diagnostics.all().front().sentence;
    }
    return built;
  }
};

CollectivePredictor::CollectivePredictor(const topology::Catalogue& catalogue)
    : impl_(std::make_unique<Impl>(Impl{catalogue, {}})) {}

CollectivePredictor::~CollectivePredictor() = default;

std::variant<double, std::string> CollectivePredictor::predict(const CollectiveQuestion& question) {
  Impl::Built& built = impl_->machine(question.machine);
  if (!built.cluster) return built.reason;
  workloads::Communication work = question.communication;
  const auto [group, fresh] = built.groups.try_emplace(question.chips_per_domain);
  if (fresh) {
    group->second = built.cluster->hierarchy(members(question.machine, question.chips_per_domain));
  }
  work.group = group->second;
  workloads::CommunicationProfile profile = built.profile;
  if (question.cores > 0) profile.cores_expert = question.cores;
  std::optional<Seconds> fastest;
  std::string reason;
  for (const workloads::Algorithm algorithm : question.algorithms) {
    work.algorithm = algorithm;
    if (auto refused = workloads::why_not(work, *built.cluster)) {
      reason = *refused;
      continue;
    }
    const Seconds time = workloads::cost_of(work, *built.cluster, profile).alone;
    if (!fastest || time < *fastest) fastest = time;
  }
  if (!fastest) return reason;
  if (question.metric == "time_us") return fastest->in(units::us);
  return (question.counted / *fastest).in(units::GB / units::s);
}

}  // namespace aisle::sim
